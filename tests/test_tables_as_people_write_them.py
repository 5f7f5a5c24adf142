"""Tables as people have them: what is read is understood and said in a note, what is not is an error of one line."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from stepsize import StepsizeError
from stepsize.lab.data.datasets import load
from stepsize.lab.data.remarks import _is_id
from stepsize.lab.data.tables import read_table, typed
from stepsize.lab.data.text_files import laid_out
from stepsize.lab.data.written import understood


def written(tmp_path, text, name="data.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return path


def rows(names, *cells, mark=",", count=40, end="\n"):
    """A text of `count` rows; a cell is a function of the row's number, quoted where it holds the mark."""
    lines = [mark.join(names)]
    for i in range(count):
        row = [str(cell(i)) for cell in cells]
        lines.append(mark.join(f'"{one}"' if mark in one else one for one in row))
    return end.join(lines) + end


# What a column of text becomes: the text of its values, the mark between the file's cells, the numbers.
NUMBERS = {
    "decimal commas": (["40,0", "1,25", "-3,5"], ",", [40.0, 1.25, -3.5]),
    "thousands": (["1,000", "1,037", "12"], ",", [1000, 1037, 12]),
    "thousands in a file with semicolons are decimals": (["1,500", "1,250"], ";", [1.5, 1.25]),
    "a value that cannot be thousands decides": (["1,500", "0,25"], ",", [1.5, 0.25]),
    "a value that cannot be a decimal decides": (["1,500", "1,234,567"], ";", [1500, 1234567]),
    "dollars": (["$1,234.50", "$7", "-$3.25"], ",", [1234.5, 7.0, -3.25]),
    "euros behind": (["1.234,50 €", "7 €"], ";", [1234.5, 7.0]),
    "Swiss": (["1'234.5", "1’000"], ",", [1234.5, 1000.0]),
    "narrow blanks": (["1 234,5", "12\u202f345,0"], ",", [1234.5, 12345.0]),
    "in India": (["1,23,456", "99,999"], ",", [123456, 99999]),
    "in brackets": (["(1,250)", "30"], ",", [-1250, 30]),
    "real minus": (["−1,5", "2,5"], ",", [-1.5, 2.5]),
    "percent": (["12%", "7.5 %"], ",", [12.0, 7.5]),
    "signs for nothing": (["-", "1", "2", "–"], ",", [None, 1, 2, None]),
    "yuan": (["￥1", "2"], ",", None),  # a full-width sign is not known: the text stays
    "exponents": (["1,5e-3", "2,5E+2"], ",", [1.5e-3, 250.0]),
    "versions are no numbers": (["1.2.3", "1.2.4"], ",", None),
    "telephone numbers are none": (["555 1234", "030 123"], ",", None),
    "lists are none": (["1,2,3", "4,5,6"], ",", None),
}


@pytest.mark.parametrize(("text", "mark", "numbers"), NUMBERS.values(), ids=NUMBERS)
def test_numbers_as_people_write_them(text, mark, numbers):
    frame, notes = understood(pl.DataFrame({"price": text}), mark)
    if numbers is None:
        assert frame["price"].to_list() == text
        assert notes == ()
        return
    assert frame["price"].to_list() == numbers
    assert "'price'" in notes[0]


def test_a_column_that_says_it_decides_for_those_that_do_not():
    frame, _ = understood(pl.DataFrame({"sure": ["1,5", "2"], "unsure": ["1,500", "2,500"]}))
    assert frame["unsure"].to_list() == [1.5, 2.5]
    frame, _ = understood(pl.DataFrame({"sure": ["1,234.5", "2"], "unsure": ["1,500", "2,500"]}), ";")
    assert frame["unsure"].to_list() == [1500, 2500]


def test_a_comma_that_may_mean_both_is_said_with_what_was_read():
    _, notes = understood(pl.DataFrame({"price": ["1,000", "1,037"]}))
    assert notes == (
        "Text was read as numbers: 'price' ('1,000' as 1000; if the mark means the other thing, write plain numbers).",
    )
    _, notes = understood(pl.DataFrame({"price": ["1,000", "1,234,567"]}))
    assert "the other thing" not in notes[0]


def test_points_of_thousands_beside_decimal_commas(tmp_path):
    """`1.234` is 1.234 where points are decimals, and 1234 in a file whose commas are."""
    text = rows(["a", "b", "y"], lambda i: f"{i},5", lambda i: f"{i + 1}.000" if i % 2 else i, lambda i: i, mark=";")
    frame, notes = read_table(written(tmp_path, text))
    assert frame["b"].to_list()[:4] == [0, 2000, 2, 4000]
    assert "'b'" in " ".join(notes)
    plain, _ = read_table(written(tmp_path, text.replace(",5", ".5"), "plain.csv"))
    assert plain["b"].to_list()[:4] == [0, 2, 2, 4]


CONTRADICTIONS = {
    "two decimal marks": (["1,5", "1.5"], ["one decimal mark", "'1,5' has a comma", "'1.5' a point"]),
    "two currencies": (["$5", "€7"], ["one currency", "'$', '€'"]),
    "percent in part": (["5%", "0.05"], ["% or none", "'0.05' in data row 2"]),
}


@pytest.mark.parametrize(("text", "parts"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_what_contradicts_itself_is_an_error(text, parts):
    with pytest.raises(StepsizeError) as caught:
        understood(pl.DataFrame({"price": text}))
    assert [part for part in ("'price'", *parts) if part not in str(caught.value)] == []


# Files whose text says the same table: a, y with 0 … 39 and 2 · a.
SAME = {
    "semicolons": rows(["a", "y"], lambda i: i, lambda i: 2 * i, mark=";").encode(),
    "tabs": rows(["a", "y"], lambda i: i, lambda i: 2 * i, mark="\t").encode(),
    "bars": rows(["a", "y"], lambda i: i, lambda i: 2 * i, mark="|").encode(),
    "UTF-16": rows(["a", "y"], lambda i: i, lambda i: 2 * i).encode("utf-16"),
    "a mark": rows(["a", "y"], lambda i: i, lambda i: 2 * i).encode("utf-8-sig"),
    "CR": rows(["a", "y"], lambda i: i, lambda i: 2 * i, end="\r").encode(),
    "CRLF": rows(["a", "y"], lambda i: i, lambda i: 2 * i, end="\r\n").encode(),
    "sep=;": b"sep=;\r\n" + rows(["a", "y"], lambda i: i, lambda i: 2 * i, mark=";", end="\r\n").encode(),
    "a title": b"Sales of 2020\n\n" + rows(["a", "y"], lambda i: i, lambda i: 2 * i).encode(),
    "a comment": b"# made, by hand, in May\n" + rows(["a", "y"], lambda i: i, lambda i: 2 * i).encode(),
    "a comma at each end": rows(["a", "y", ""], lambda i: i, lambda i: 2 * i, lambda i: "").encode(),
    "a comma at each end but the first": b"a,y\n" + b"".join(b"%d,%d,\n" % (i, 2 * i) for i in range(40)),
    "a comma at the first end": b"a,y,\n" + b"".join(b"%d,%d\n" % (i, 2 * i) for i in range(40)),
}


@pytest.mark.parametrize("kind", SAME)
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".txt"])
def test_every_layout_gives_the_same_table(tmp_path, kind, suffix):
    made = load(str(written(tmp_path, SAME[kind], f"data{suffix}")), target="y")
    plain = load(str(written(tmp_path, rows(["a", "y"], lambda i: i, lambda i: 2 * i), "plain.csv")), target="y")
    np.testing.assert_array_equal(made.X_train, plain.X_train)
    np.testing.assert_array_equal(made.y_validation, plain.y_validation)


LAYOUT_NOTES = {
    "semicolons": "separated by semicolons",
    "tabs": "separated by tabs",
    "UTF-16": "read as UTF-16 text",
    "a title": "Line 1 above the column names was skipped: 'Sales of 2020'",
    "a comma at each end": "Columns without any value were dropped: ''",
}


@pytest.mark.parametrize("kind", LAYOUT_NOTES)
def test_what_was_not_plain_is_said(tmp_path, kind):
    told = " ".join(load(str(written(tmp_path, SAME[kind])), target="y").notes)
    assert LAYOUT_NOTES[kind] in told


def test_chinese_and_western_text(tmp_path):
    text = rows(["面积", "城市", "价格"], lambda i: i, lambda i: ["北京", "上海", "广州"][i % 3], lambda i: 2 * i)
    made = load(str(written(tmp_path, text, encoding="gbk")), target="价格")
    assert "read as Chinese (GBK) text" in made.notes[0]
    assert made.X_train.shape == load(str(written(tmp_path, text, "utf8.csv")), target="价格").X_train.shape
    text = rows(["Größe", "Ort", "Preis"], lambda i: i, lambda i: ["Köln", "Orléans", "Łódź"[1:2]][i % 3], lambda i: i)
    made = load(str(written(tmp_path, text, encoding="cp1252")), target="Preis")
    assert "read as Western European (Windows-1252) text" in made.notes[0]


def test_other_alphabets_are_not_guessed(tmp_path):
    for encoding, word in (("cp1251", "Москва и область"), ("shift_jis", "とうきょう"), ("cp1253", "Αθήνα και Πάτρα")):
        text = rows(["a", "b", "y"], lambda i: i, lambda i, word=word: word, lambda i: i)
        with pytest.raises(StepsizeError, match="save it as UTF-8"):
            load(str(written(tmp_path, text, f"{encoding}.csv", encoding)), target="y")


def test_a_row_too_long_is_named_by_its_line(tmp_path):
    text = "a,y\n" + "1,2\n" * 6 + "1,2,3\n" + "1,2\n" * 6
    with pytest.raises(StepsizeError, match=r"line 8 of data\.csv must have at most 2 cells.*not 3 \('3' too many\)"):
        load(str(written(tmp_path, text)), target="y")


def test_plain_files_are_read_from_the_disk(tmp_path):
    layout = laid_out(written(tmp_path, rows(["a", "y"], lambda i: i, lambda i: i)))
    assert (layout.encoding, layout.mark, layout.skipped, layout.notes) == ("utf-8-sig", ",", 0, ())


DATES = {
    "day first": (lambda i: f"{i % 28 + 1:02}/02/2020", "'01/02/2020' as 2020-02-01", ""),
    "month first": (lambda i: f"02/{i % 28 + 1:02}/2020", "'02/01/2020' as 2020-02-01", ""),
    "both": (lambda i: f"{i % 12 + 1:02}/{i % 12 + 1:02}/2020", "'01/01/2020' as 2020-01-01", "month stands first"),
    "points": (lambda i: f"{i % 28 + 1}.2.2020", "", ""),
    "Chinese": (lambda i: f"2020年2月{i % 28 + 1}日", "'2020年2月1日' as 2020-02-01", ""),
    "with a clock": (lambda i: f"02/{i % 28 + 1:02}/2020 12:30", "as 2020-02-01 12:30:00", ""),
    "two digits": (lambda i: f"02/{i % 28 + 1:02}/20", "as 2020-02-01", ""),
    "ISO": (lambda i: f"2020-02-{i % 28 + 1:02}", "", ""),
}


@pytest.mark.parametrize(("day", "note", "doubt"), DATES.values(), ids=DATES)
def test_dates_become_one_number(tmp_path, day, note, doubt):
    made = load(str(written(tmp_path, rows(["day", "y"], day, lambda i: i / 2))), target="y")
    told = " ".join(made.notes)
    assert made.columns == 2
    assert "Dates became numbers, which grow with time: 'day'." in told
    assert note in told
    assert (doubt in told) if doubt else ("stands first" not in told)
    assert made.X_train[1, 0] > made.X_train[0, 0]


def test_ids_are_told():
    assert _is_id(pl.Series("n", range(1, 40)))
    assert not _is_id(pl.Series("width", range(100, 140)))
    assert _is_id(pl.Series("customerId", [7, 3, 9, 12]))
    assert _is_id(pl.Series("customer_id", [7, 3, 9, 12]))
    assert not _is_id(pl.Series("width", [7, 3, 9, 12]))
    assert not _is_id(pl.Series("customer_id", [7, 3, 9, 7]))
    assert not _is_id(pl.Series("idle", [7, 3, 9, 12]))
    assert not _is_id(pl.Series("paid", [7, 3, 9, 12]))


def test_ids_counts_and_far_values_are_told(tmp_path):
    text = rows(["id", "a", "y"], lambda i: i, lambda i: i**2 % 7, lambda i: i % 5)
    made = load(str(written(tmp_path, text)), target="y")
    assert any("differ in every row" in note and "'id'" in note for note in made.notes)
    assert any("5 different whole numbers" in note and "--task regression" in note for note in made.notes)
    assert not any("--task" in note for note in load(str(tmp_path / "data.csv"), target="y", task="regression").notes)
    text = rows(["a", "y"], lambda i: i % 9, lambda i: 9e9 if i == 6 else i / 2)
    made = load(str(written(tmp_path, text)), target="y")
    assert any("9e+09 in data row 7" in note and "Is it right?" in note for note in made.notes)


def test_ordinary_tables_get_no_remark(tmp_path):
    text = rows(["a", "kind", "y"], lambda i: i * 0.5, lambda i: "ab"[i % 2], lambda i: i**1.5)
    notes = load(str(written(tmp_path, text)), target="y").notes
    assert notes == ("Text became columns of 0 and 1, one per value, missing included: 'kind'.",)


def test_prices_are_numbers_and_not_hundreds_of_classes(tmp_path):
    for price in (lambda i: f"{100 + i},{i % 10}0", lambda i: f"1,{i:03}", lambda i: f"${i},000.00"):
        made = load(str(written(tmp_path, rows(["a", "price"], lambda i: i % 7, price))), target="price")
        assert (made.task, made.classes) == ("regression", ())


def test_a_text_target_of_a_class_a_row_is_refused(tmp_path):
    path = written(tmp_path, rows(["a", "y"], lambda i: i, lambda i: f"about {i}"))
    for task in (None, "classification"):
        with pytest.raises(StepsizeError, match="classes of several rows each, not 40 different texts in 40 rows"):
            load(str(path), target="y", task=task)


def test_no_more_than_all_values_are_numbers(tmp_path):
    cells = ["n/a", "?", "x", "NULL"]
    text = rows(["a", "y"], lambda i: cells[i // 3 % 4] if i % 3 == 0 else i, lambda i: i / 3, count=60)
    with pytest.raises(StepsizeError, match=r"as 8\d% of its values are, not 'x' in data row 7"):
        load(str(written(tmp_path, text)), target="y")


def test_a_quarter_of_dashes_is_missing(tmp_path):
    made = load(
        str(written(tmp_path, rows(["a", "y"], lambda i: "-" if i % 4 == 0 else i, lambda i: i / 3))), target="y"
    )
    told = " ".join(made.notes)
    assert "read as missing: 'a'" in told
    assert "training median and marked: 'a (10)'" in told
    assert made.columns == 3


def test_a_column_without_values_is_dropped_and_named(tmp_path):
    for empty in ("", "nan", "-", "NA"):
        text = rows(["a", "b", "y"], lambda i: i, lambda i, empty=empty: empty, lambda i: i / 3)
        made = load(str(written(tmp_path, text)), target="y")
        assert made.columns == 2, empty
        assert any("without any value were dropped: 'b'" in note for note in made.notes), empty


def test_mostly_numbers_with_marks_name_the_word_among_them():
    column = typed(pl.Series("a", ["1,5", "2,5", "3,5", "4,5", "x"]))
    from stepsize.lab.data.tables import check_text

    with pytest.raises(StepsizeError, match="'x' in data row 5"):
        check_text(column, "correct it")
