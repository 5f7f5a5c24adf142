/* The data of the page, and which strategies are shown: those that are on and that the search finds. */
const { strategies, ceiling, table } = JSON.parse(document.getElementById("data").textContent);
const on = strategies.map(() => true), found = strategies.map(() => true);
const shown = (i) => on[i] && found[i];
const isSmoothed = (name) => name in ceiling;
