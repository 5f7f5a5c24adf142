// The order of what the search finds: pages for what people come for before the reference, and both before our own notes.
const FIRST = /^(index|start|strategies|tune|choose|torch|coming-from|mistakes|diagnose|resume|groups|zh\/(tune|choose|torch))$/;
const LAST = /^(lab-book|tune-bench|studies-speed|inputs|capabilities|frameworks|fast-paths|journal)$/;

var Scorer = {
  score: ([docname, title, anchor, descr, score, filename, kind]) => {
    if (FIRST.test(docname)) score += 2;
    if (LAST.test(docname)) score -= 6;
    if (kind === "text" && docname.startsWith("reference/")) score -= 8; // its entries are found by themselves
    if (kind === "object" && title.includes(".presets.")) score -= title.includes(".presets.torch.") ? 3 : 4;
    return score;
  },
  objNameMatch: 20,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
