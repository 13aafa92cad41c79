// The page at `/` of `lezai dev`: copies commands, and lists requests as they come.

const EVERY_MS = 1000;
const SHOWN_MAX = 100;

for (const command of document.querySelectorAll(".command")) {
  const button = command.querySelector("button");
  const code = command.querySelector("code");
  const label = button.textContent;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = button.dataset.copied;
      setTimeout(() => {
        button.textContent = label;
      }, 2000);
    } catch {
      // Without HTTPS only this machine has a clipboard: the command is marked, to be copied by hand.
      getSelection().selectAllChildren(code);
    }
  });
}

const table = document.getElementById("requests");
const rows = table.tBodies[0];
const status = document.getElementById("none");
// On a narrow screen it is wider than its frame, which the keyboard must be able to scroll.
const frame = table.parentElement;
frame.tabIndex = 0;
frame.setAttribute("role", "region");
frame.setAttribute("aria-labelledby", "requests-title");
frame.closest("section").querySelector("h2").id = "requests-title";
const none = status.textContent;
let last = 0;

function row(request) {
  const tr = document.createElement("tr");
  const time = new Date(request.at).toLocaleTimeString();
  for (const text of [time, `${request.method} ${request.path}`, request.status, request.ms, request.request_id]) {
    const td = document.createElement("td");
    td.textContent = String(text);
    tr.append(td);
  }
  tr.className = request.status < 400 ? "good" : request.status < 500 ? "refused" : "failed";
  return tr;
}

async function look() {
  if (document.hidden) return;
  try {
    const response = await fetch(`/dev/requests?after=${last}`);
    if (!response.ok) throw new Error(String(response.status));
    for (const request of await response.json()) {
      last = request.number;
      rows.prepend(row(request));
    }
    while (rows.rows.length > SHOWN_MAX) rows.deleteRow(-1);
    status.textContent = none;
    status.hidden = rows.rows.length > 0;
  } catch {
    status.textContent = status.dataset.lost;
    status.hidden = false;
  }
  table.hidden = rows.rows.length === 0;
}

async function watch() {
  await look();
  setTimeout(watch, EVERY_MS);
}

watch();
