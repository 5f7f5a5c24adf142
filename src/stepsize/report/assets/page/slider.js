/* How much the losses are smoothed. */
const slider = one("#smoothing"), told = one("output[for=smoothing]");
let weight = 0, waiting = false;
const weigh = () => {
  weight = Number(slider.value);
  told.textContent = weight.toFixed(2);
};
weigh(); // a browser that goes back keeps where the slider stood
slider.addEventListener("input", () => {
  weigh();
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    charts.filter(({ name }) => isSmoothed(name)).forEach((c) => c.draw());
  });
});
