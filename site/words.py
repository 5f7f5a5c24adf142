"""The words of the site's search: English ones, and every two neighbours of Chinese characters.

Chinese has no spaces. Pairs of characters need no dictionary, and find a word wherever it stands in a sentence.
"""

from __future__ import annotations

import re

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.search.en import SearchEnglish

CHINESE = re.compile(r"[\u3400-\u9fff]+")
SPLIT = """
function splitQuery(query) {
  const words = query.split(/[^\\p{Letter}\\p{Number}_\\p{Emoji_Presentation}]+/gu).filter((word) => word);
  return words.flatMap((word) => {
    const found = [];
    for (const part of word.match(/[\\u3400-\\u9fff]+|[^\\u3400-\\u9fff]+/gu)) {
      if (!/[\\u3400-\\u9fff]/u.test(part) || part.length === 1) found.push(part);
      else for (let i = 0; i + 1 < part.length; i++) found.push(part.slice(i, i + 2));
    }
    return found;
  });
}
"""


class EnglishAndChinese(SearchEnglish):
    """English, with Chinese by pairs of characters."""

    js_splitter_code = SPLIT

    def split(self, input: str) -> list[str]:
        found = super().split(CHINESE.sub(" ", input))
        for run in CHINESE.findall(input):
            found += [run[i : i + 2] for i in range(max(1, len(run) - 1))]
        return found

    def word_filter(self, word: str) -> bool:
        return bool(CHINESE.match(word)) or super().word_filter(word)


KEYWORDS = {
    "faults": ("nan", "inf", "infinity", "bad batch", "loss spike"),
    "diagnose": ("diverge", "divergence", "loss does not go down", "exploding gradients", "vanishing gradients"),
    "tune": ("learning rate", "best learning rate", "lr"),
    "find": ("lr finder", "lr_find", "range test"),
    "transfer": ("batch size", "mup", "width"),
    "choose": ("schedule", "scheduler", "which schedule"),
    "coming-from": ("lr_scheduler", "lambdalr", "timm"),
    "resume": ("checkpoint", "resume", "state_dict", "cool down"),
    "groups": ("param groups", "parameter groups", "weight decay", "layer-wise", "freeze", "no decay"),
    "torch": ("pytorch",),
    "torch-hosts": ("lightning", "trainer", "huggingface", "accelerate"),
    "jax": ("jax", "keras", "optax"),
    "record": ("tensorboard", "wandb", "mlflow"),
    "mistakes": ("error", "error message"),
    "zh/tune": ("学习率", "调参"),
    "zh/choose": ("余弦", "预热", "策略"),
    "zh/strategies": ("截断", "衰减", "指数衰减"),
    "zh/torch": ("优化器",),
}
"""Words that people search for, and the page that they should find first."""


def with_keywords(app: Sphinx, doctree: nodes.document) -> None:
    """Give the index of the search the words of a page; they lead to its beginning."""
    if words := KEYWORDS.get(app.env.docname):
        doctree.append(addnodes.index(entries=[("single", one, "", "main", None) for one in words]))
