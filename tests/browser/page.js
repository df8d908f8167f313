// A page that shows what its client tells it, and keeps every event for the test that drives it.

const asked = Object.fromEntries(new URLSearchParams(location.search));
const { Client } = await import(asked.client);
const line = document.getElementById("line");
const messages = document.getElementById("messages");
const shown = new Map();

async function tokens() {
  const answer = await fetch(`/token/${asked.user}`, { method: "POST", signal: AbortSignal.timeout(10_000) });
  if (!answer.ok) throw new Error(`no token: ${answer.status}`);
  return answer.json();
}

function show({ type, data, clientMsgId }) {
  if (type === "online" || type === "offline") return Object.assign(line, { textContent: type, className: type });
  const key = clientMsgId ? `${asked.user} ${clientMsgId}` : `${data?.sender} ${data?.client_msg_id}`;
  if (type === "pending" || type === "message:new") {
    const item = shown.get(key) ?? document.createElement("li");
    item.className = type === "pending" ? "pending" : "";
    item.textContent = `${data.sender ?? asked.user}: ${data.text}`;
    shown.set(key, item);
    messages.append(item);
  } else if (type === "failed") {
    shown.get(key).className = "failed";
  }
}

window.heard = [];
window.ended = null;
window.client = new Client({
  tokens,
  user: asked.user,
  storage: asked.keeps ? localStorage : null,
  positions: asked.positions ? JSON.parse(asked.positions) : null,
  device: asked.device,
});
window.hello = client.start();
window.hello.catch(() => {});
document.getElementById("who").textContent = asked.user;

/** Send so many, one every few milliseconds, and wait for all answers; a message is `NAME NUMBER`. */
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
    heard.push({ ...event, error: event.error && { ...event.error, message: event.error.message } });
    show(event);
  }
  window.ended = "stopped";
})().catch((error) => (window.ended = `${error.name} ${error.code}`));
window.ready = true;
