"""The words of the site's search: English ones, and every two neighbours of Chinese characters.

Chinese has no spaces. Pairs of characters need no dictionary, and find a word wherever it stands in a sentence.
"""

from __future__ import annotations

import re

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
