/* A run that goes on: the server says that there is more, and the page asks for what it shows. */
const PAUSE = 150; // milliseconds between two questions
let source = null, asking = false, again = false, since = null, chosen = live?.chosen ?? [];
const query = () => new URLSearchParams(chosen.map((name) => ["run", name]));

function listen() {
  source?.close();
  source = new EventSource(`events?${query()}`);
  source.onmessage = () => { ask(); };
  source.onopen = () => { said(""); };
  source.onerror = () => { said(say("the server does not answer; the page goes on when it does")); };
}
async function ask() {
  if (asking) { again = true; return; }
  asking = true;
  const asked = query();
  if (view) { asked.set("low", Math.floor(view[0])); asked.set("high", Math.ceil(view[1])); }
  try {
    const answer = await fetch(`data?${asked}`);
    if (answer.ok) take(await answer.json());
    else said(await answer.text());
  } catch { said(say("the server does not answer; the page goes on when it does")); }
  await new Promise((done) => { setTimeout(done, PAUSE); });
  asking = false;
  if (again) { again = false; ask(); }
}
function take(answer) {
  if (answer.chosen.join("\n") !== chosen.join("\n")) return; // of a choice that is not any more
  const before = JSON.stringify(whole.runs.map(({ rows }) => rows));
  whole = answer;
  finer = view && answer.finer;
  runs = whole.runs;
  if (before !== JSON.stringify(runs.map(({ rows }) => rows))) since = Date.now();
  lay();
  const others = legends();
  arrange();
  charts.forEach((c) => (others ? c.draw() : c.renew()));
  replace("#about", answer.about);
  replace("#facts", answer.facts);
  replace("#numbers", answer.numbers);
  listed(answer.files);
}
/* Parts that the server has written, escaped as the whole page is; one that is as it was stays. */
const written = new Map();
function replace(place, html) {
  if (written.get(place) === html) return;
  written.set(place, html);
  const open = all("details", one(place)).map((d) => d.open);
  one(place).innerHTML = html;
  all("details", one(place)).forEach((d, i) => { d.open = open[i] ?? false; });
}
function listed(files) {
  const list = one("#files");
  if (!list) return;
  const boxes = files.map(({ name, said: about }) => {
    const label = document.createElement("label"), box = document.createElement("input"), text = document.createElement("span");
    box.type = "checkbox";
    box.checked = chosen.includes(name);
    box.addEventListener("change", () => choose(name, box.checked));
    text.textContent = name;
    label.append(box, " ", text);
    if (about) { const soft = document.createElement("span"); soft.className = "soft"; soft.textContent = ` ${about}`; label.append(soft); }
    return label;
  });
  const now = JSON.stringify([files, chosen]);
  if (written.get(list) === now) return;
  written.set(list, now);
  list.replaceChildren(...boxes);
}
function choose(name, yes) {
  chosen = yes ? [...chosen, name] : chosen.filter((other) => other !== name);
  history.replaceState(null, "", `?${query()}`);
  listen();
  ask();
}
const viewed = () => {
  if (live) { finer = null; ask(); }
};
const said = (text) => { one("#said").textContent = text; };
function ago(seconds, minutes) {
  if (seconds < 120) return say("live: the last row came {seconds} s ago", { seconds });
  return say("live: the last row came {minutes} min ago", { minutes });
}
function tellAge() {
  if (since == null || source?.readyState !== EventSource.OPEN) return;
  const seconds = Math.round((Date.now() - since) / 1000);
  said(seconds < 2 ? say("live: rows come in") : ago(seconds, Math.round(seconds / 60)));
}
if (live) {
  listen();
  ask();
  setInterval(tellAge, 500);
}
