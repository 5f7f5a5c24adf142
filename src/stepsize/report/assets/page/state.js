/* The data of the page, and which strategies are shown: those that are on and that the search finds. */
const { strategies, ceiling, table } = JSON.parse(document.getElementById("data").textContent);
const on = strategies.map(() => true), found = strategies.map(() => true), followers = [];
const shown = (i) => on[i] && found[i];
const follow = (what) => followers.push(what);
const changed = () => followers.forEach((what) => what());
const all = (query, within = document) => [...within.querySelectorAll(query)];
const one = (query, within = document) => within.querySelector(query);
