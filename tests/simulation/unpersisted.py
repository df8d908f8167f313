"""Check that a node gives back every place in its backlog."""

from collections.abc import Iterator

from tests.simulation.world import World


def given_back(world: World) -> Iterator[str]:
    """Law 20: once everything is saved, nothing that a node accepted counts as unpersisted."""
    for name, node in sorted(world.nodes.items()):
        if not node.process.dead and (left := node.node._commands.backlog.unpersisted):
            yield f"law 20: {name} still counts {left} unpersisted commands"
