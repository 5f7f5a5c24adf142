/* What the cursor points at: the values of the strategies there, those nearest to the cursor where there are many. */
const MOST_LINES = 12;
const valued = (value) => (value == null ? { text: "" } : { value, text: brief(value) });

function tooltip(label, read, notes = () => []) {
  const tip = document.createElement("div"), hide = () => { tip.hidden = true; };
  tip.className = "tip";
  hide();
  const ready = (u) => {
    u.over.append(tip);
    u.over.addEventListener("mouseleave", hide);
  };
  const setCursor = (u) => {
    const at = u.cursor.idx;
    if (at == null || !u.over.matches(":hover")) return hide();
    const x = u.data[0][at], { left, top } = u.cursor;
    const far = (value) => (isFinite(value) ? Math.abs(u.valToPos(value, "y") - top) : top);
    const lines = strategies.map((s, i) => ({ i, ...(shown(i) ? read(i, x) : { text: "" }) })).filter((l) => l.text);
    const near = [...lines].sort((a, b) => far(a.value) - far(b.value)).slice(0, MOST_LINES).sort((a, b) => b.value - a.value);
    const more = lines.length - near.length;
    tip.replaceChildren(document.createTextNode(`${label} ${brief(x)}`), ...near.map(tipLine), ...(more ? [say("and {count} more", { count: more })] : []), ...notes(u, left).map(tipNote));
    tip.hidden = false;
    const right = left < u.over.clientWidth / 2;
    tip.style.left = right ? `${left + 12}px` : "auto";
    tip.style.right = right ? "auto" : `${u.over.clientWidth - left + 12}px`;
  };
  return { ready, setCursor };
}

function tipLine({ i, text }) {
  const div = document.createElement("div"), name = document.createElement("span"), number = document.createElement("span");
  name.textContent = strategies[i].name;
  name.style.borderColor = colour(i);
  number.textContent = text;
  div.append(name, number);
  return div;
}

function tipNote(text) {
  const div = document.createElement("div");
  div.className = "note";
  div.textContent = text;
  return div;
}
