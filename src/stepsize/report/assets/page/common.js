/* What every page's script begins with: how its elements are found, and who is told when what is shown has changed.
   `say` tells a text in the language of the page, with its fields; the text stands there in double quotes, and what it
   is a word for in ⟨⟩ behind it. */
const followers = [];
const follow = (what) => followers.push(what);
const changed = () => followers.forEach((what) => what());
const all = (query, within = document) => [...within.querySelectorAll(query)];
const one = (query, within = document) => within.querySelector(query);
const say = (text, fields = {}) => (words[text] ?? text.replace(/⟨.*⟩$/, "")).replace(/\{(\w+)\}/g, (_, name) => fields[name]);
