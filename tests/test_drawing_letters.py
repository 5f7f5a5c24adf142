"""Pictures are in the language that is spoken where a font here can write it, and in English where none can."""

import pytest

from stepsize._language import speak, spoken
from stepsize.report import drawing

pytestmark = pytest.mark.usefixtures("chinese")


def test_without_a_font_for_it_a_picture_is_in_english(monkeypatch):
    monkeypatch.setattr(drawing, "chinese_font", lambda: None)
    with drawing.drawing():
        assert spoken() == "en"
        assert drawing.mpl.rcParams["font.family"] == ["DejaVu Sans"]
    assert spoken() == "zh"


def test_with_one_it_is_in_chinese_and_numbers_keep_their_font(monkeypatch):
    monkeypatch.setattr(drawing, "chinese_font", lambda: "Noto Sans CJK JP")
    with drawing.drawing({"text.color": "#000000"}):
        assert spoken() == "zh"
        assert drawing.mpl.rcParams["font.family"] == ["DejaVu Sans", "Noto Sans CJK JP"]
        assert drawing.mpl.rcParams["text.color"] == "#000000"
    assert spoken() == "zh"


def test_english_needs_no_font(monkeypatch):
    monkeypatch.setattr(drawing, "chinese_font", lambda: pytest.fail("nothing asks for a font"))
    speak("en")
    with drawing.drawing():
        assert spoken() == "en"


def test_the_language_comes_back_after_an_error():
    with pytest.raises(ZeroDivisionError), drawing.drawing():
        raise ZeroDivisionError
    assert spoken() == "zh"


def test_a_font_that_was_installed_since_matplotlib_began_is_found(monkeypatch, tmp_path):
    [name] = {one.name for one in drawing.fontManager.ttflist if one.fname.endswith("/cmr10.ttf")}
    [path] = {one.fname for one in drawing.fontManager.ttflist if one.fname.endswith("/cmr10.ttf")}
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    monkeypatch.setattr(drawing, "CHINESE_FONTS", ("no such font", name))
    monkeypatch.setattr(drawing.fontManager, "ttflist", [])
    monkeypatch.setattr(drawing, "findSystemFonts", lambda: [str(tmp_path / "broken.ttf"), path])
    assert drawing.chinese_font.__wrapped__() == name


def test_the_font_is_one_that_is_there():
    found = drawing.chinese_font()
    assert found is None or found in {one.name for one in drawing.fontManager.ttflist}
