/* What every page's script begins with: how its elements are found, and who is told when what is shown has changed. */
const followers = [];
const follow = (what) => followers.push(what);
const changed = () => followers.forEach((what) => what());
const all = (query, within = document) => [...within.querySelectorAll(query)];
const one = (query, within = document) => within.querySelector(query);
