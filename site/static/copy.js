// A button on every block of code that copies it; of a Python session what was typed, without prompts and answers.
document.addEventListener("DOMContentLoaded", () => {
  const chinese = document.documentElement.lang.startsWith("zh");
  const [copy, copied] = chinese ? ["复制", "已复制"] : ["Copy", "Copied"];
  for (const block of document.querySelectorAll("article div.highlight")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = copy;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(typed(block.querySelector("pre").textContent));
      button.textContent = copied;
      setTimeout(() => (button.textContent = copy), 1500);
    });
    block.append(button);
  }
});

function typed(text) {
  const lines = text.trimEnd().split("\n");
  const prompted = lines.filter((line) => /^(>>>|\.\.\.)( |$)/.test(line));
  return prompted.length && lines[0].startsWith(">>>") ? prompted.map((line) => line.slice(4)).join("\n") : lines.join("\n");
}
