"""The read model `audit`: the records of the topic `audit.log`, numbered in each tenant."""
