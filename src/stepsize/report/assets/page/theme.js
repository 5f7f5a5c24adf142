/* Colours: those of the system's light or dark, and the light ones on paper. */
const dark = matchMedia("(prefers-color-scheme: dark)");
const family = getComputedStyle(document.body).fontFamily;
let printing = false;
const isDark = () => dark.matches && !printing;
const colour = (i) => (isDark() ? strategies[i].dark : strategies[i].light);
const ink = () => (isDark() ? "#a4abb5" : "#59616b");
const line = () => (isDark() ? "#2a2f36" : "#e6e9ed");
