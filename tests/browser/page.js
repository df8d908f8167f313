// A page that shows its client's messages, and stores every event for the test that drives it.

const query = Object.fromEntries(new URLSearchParams(location.search));
const { Client } = await import(query.client);
const line = document.getElementById("line");
const messages = document.getElementById("messages");
const shown = new Map();

async function tokens() {
  const answer = await fetch(`/token/${query.user}`, { method: "POST", signal: AbortSignal.timeout(10_000) });
  if (!answer.ok) throw new Error(`no token: ${answer.status}`);
  return answer.json();
}

function show({ type, data, clientMsgId }) {
  if (type === "online" || type === "offline") return Object.assign(line, { textContent: type, className: type });
  const key = clientMsgId ? `${query.user} ${clientMsgId}` : `${data?.sender} ${data?.client_msg_id}`;
  if (type === "pending" || type === "message:new") {
    const item = shown.get(key) ?? document.createElement("li");
    item.className = type === "pending" ? "pending" : "";
    item.textContent = `${data.sender ?? query.user}: ${data.text}`;
    shown.set(key, item);
    messages.append(item);
  } else if (type === "failed") {
    shown.get(key).className = "failed";
  }
}

window.received = [];
window.ended = null;
window.client = new Client({
  tokens,
  user: query.user,
  storage: query.keeps ? localStorage : null,
  positions: query.positions ? JSON.parse(query.positions) : null,
  device: query.device,
});
window.hello = client.start();
window.hello.catch(() => {});
document.getElementById("who").textContent = query.user;

/** Send `count` messages, one every `every` milliseconds, and wait for all answers; a text is `NAME NUMBER`. */
window.sendMany = async (room, name, count, every) => {
  const answers = [];
  for (let number = 1; number <= count; number += 1) {
    answers.push(client.send(room, `${name} ${number}`));
    if (every) await new Promise((resolve) => setTimeout(resolve, every));
  }
  return Promise.all(answers);
};

(async () => {
  for await (const event of client.events()) {
    received.push({ ...event, error: event.error && { ...event.error, message: event.error.message } });
    show(event);
  }
  window.ended = "stopped";
})().catch((error) => (window.ended = `${error.name} ${error.code}`));
window.ready = true;
