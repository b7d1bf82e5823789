"""Files as benchmark authors publish them, with rows of our own making that have the oddities of the real ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mslt_it.data.layouts import read_layout
from mslt_it.problems import Problem


def conll(path: Path, *sentences: list[tuple[str, ...]]) -> Path:
    path.write_text("\n\n".join("\n".join("\t".join(line) for line in s) for s in sentences) + "\n", encoding="utf-8")
    return path


def test_conll_sentences_with_places(tmp_path: Path) -> None:
    path = conll(tmp_path / "a.tsv", [("Ada", "B-PER"), ("ran", "O")], [("#", "O"), ("Ulm", "I-LOC")])
    first, second = read_layout("conll", path, ())
    assert first.values == {"tokens": ["Ada", "ran"], "ner_tags": ["B-PER", "O"]} and first.place == "line 1"
    assert second.values["ner_tags"] == ["O", "I-LOC"] and second.place == "line 4"


def test_conll_with_windows_line_ends_and_blank_lines_at_both_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_bytes(b"\r\n\r\nAda\tB-PER\r\n\r\n\r\nUlm\tB-LOC\r\n")
    assert [row.values["tokens"] for row in read_layout("conll", path, ())] == [["Ada"], ["Ulm"]]


def test_conll_without_tags_is_read_as_untagged(tmp_path: Path) -> None:
    path = conll(tmp_path / "a.tsv", [("#",), ("Ada",)])
    assert read_layout("conll", path, ())[0].values == {"tokens": ["#", "Ada"], "ner_tags": None}


def test_conll_mistakes_name_the_line(tmp_path: Path) -> None:
    path = conll(tmp_path / "a.tsv", [("Ada", "B-PER"), ("ran",)])
    with pytest.raises(Problem, match=r"a\.tsv line 2 has a token without a tag.*O for none"):
        read_layout("conll", path, ())
    path = conll(tmp_path / "b.tsv", [("Ada", "B-PER")], [("a", "b", "O")])
    with pytest.raises(Problem, match=r"b\.tsv line 3 has 3 columns"):
        read_layout("conll", path, ())
    (tmp_path / "c.tsv").write_text("\n\n")
    with pytest.raises(Problem, match=r"c\.tsv holds no data rows"):
        read_layout("conll", tmp_path / "c.tsv", ())


def squad(path: Path, *questions: dict[str, object], context: str = "Żółw żyje w Ulm.") -> Path:
    content = {"data": [{"title": "t", "paragraphs": [{"context": context, "qas": list(questions)}]}]}
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_squad_counts_offsets_in_characters(tmp_path: Path) -> None:
    answers = [{"text": "Ulm", "answer_start": 12}, {"text": "w Ulm", "answer_start": 10}]
    (row,) = read_layout(
        "squad", squad(tmp_path / "a.json", {"id": "q1", "question": "Gdzie?", "answers": answers}), ()
    )
    assert row.values["answers"] == {"text": ["Ulm", "w Ulm"], "answer_start": [12, 10]} and row.values["id"] == "q1"
    bad = [{"text": "Ulm", "answer_start": 16}]  # its offset in bytes
    path = squad(tmp_path / "b.json", {"id": "q1", "question": "Gdzie?", "answers": bad})
    with pytest.raises(Problem, match=r"b\.json article 1, question q1: the answer 'Ulm' is not at character 16"):
        read_layout("squad", path, ())


def test_squad_without_its_nesting_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"question": "x"}]')
    with pytest.raises(Problem, match=r"no list under 'data'.*task\.file_layout=table"):
        read_layout("squad", tmp_path / "a.json", ())


def winograd(tokens: list[str], sentence: str, pronoun: list[int], right: tuple[bool, bool]) -> str:
    options = [["der Topf", [0, 1], ["der"], right[0]], ["die Kiste", [2, 3], ["die"], right[1]]]
    columns = ["de", "original", "?", sentence]
    return "\t".join([*columns, *(json.dumps(x) for x in (tokens, [tokens[pronoun[0]], pronoun, []], options))])


def test_xwinograd_blanks_the_right_pronoun_and_drops_repeated_rows(tmp_path: Path) -> None:
    sentence = 'Sie sagte "sie passt nicht", weil sie zu gross ist.'
    tokens = ["Sie", "sagte", '"', "sie", "passt", "nicht", '"', ",", "weil", "sie", "zu", "gross", "ist", "."]
    line = winograd(tokens, sentence, [9, 10], (False, True))
    (tmp_path / "test.tsv").write_text(f"{line}\n{line}\n", encoding="utf-8")
    (row,) = read_layout("xwinograd", tmp_path / "test.tsv", ())
    assert row.values["sentence"] == 'Sie sagte "sie passt nicht", weil _ zu gross ist.'
    assert (row.values["option1"], row.values["option2"], row.values["answer"]) == ("der Topf", "die Kiste", 2)


@pytest.mark.parametrize(
    ("sentence", "tokens", "at", "blanked"),
    [
        # The tokenizer writes `` and '' for quotes, whichever the authors wrote, and takes words apart.
        ('Ute rief "Au!", weil sie fiel.', "Ute rief `` Au ! '' , weil sie fiel .", 8, 'Ute rief "Au!", weil _ fiel.'),
        ("Il dit «il va», et il part.", "Il dit `` il va '' , et il part .", 8, "Il dit «il va», et _ part."),
        ("Bob said “don’t” as he left.", "Bob said `` do n't '' as he left .", 7, "Bob said “don’t” as _ left."),
        ('"Es" fiel, weil es rund ist.', "`` Es '' fiel , weil es rund ist .", 6, '"Es" fiel, weil _ rund ist.'),
        ("它掉了，小王说：“它坏了。”", "它 掉 了 ， 小王 说 ： `` 它 坏 了 。 ''", 8, "它掉了，小王说：“_坏了。”"),
        # Tokens of another edition of the sentence: the second "sie" of those that stand alone.
        ("Siegrid, die sie,  weil sie kam", "Sigrid , die sie , weil sie kam", 6, "Siegrid, die sie,  weil _ kam"),
        ("(He ran), and it (a dog) won.", "( He ran ) , and it ( a dog ) won .", 6, "(He ran), and _ (a dog) won."),
    ],
)  # fmt: skip
def test_xwinograd_keeps_the_authors_text(sentence: str, tokens: str, at: int, blanked: str, tmp_path: Path) -> None:
    line = winograd(tokens.split(), sentence, [at, at + 1], (True, False))
    (tmp_path / "test.tsv").write_text(line, encoding="utf-8")
    (row,) = read_layout("xwinograd", tmp_path / "test.tsv", ())
    assert row.values["sentence"] == blanked


def test_xwinograd_without_spaces(tmp_path: Path) -> None:
    line = winograd(
        ["杯子", "放不进", "箱子，因", "为", "它", "太大。 "], "杯子放不进箱子，因为它太大。 ", [4, 5], (True, False)
    )
    (tmp_path / "test.tsv").write_text(line, encoding="utf-8")
    (row,) = read_layout("xwinograd", tmp_path / "test.tsv", ())
    assert row.values["sentence"] == "杯子放不进箱子，因为_太大。"


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("a\tb", "line 1 has 2 columns instead of XWinograd's 7"),
        (winograd(["es"], "es", [0, 1], (True, True)), "needs two options of which one is right"),
        ("de\to\t?\tx\t[\t[]\t[]", "line 1 is not valid JSON"),
    ],
)
def test_xwinograd_mistakes(tmp_path: Path, line: str, text: str) -> None:
    (tmp_path / "test.tsv").write_text(line)
    with pytest.raises(Problem, match=text):
        read_layout("xwinograd", tmp_path / "test.tsv", ())


def test_self_instruct_unfolds_instances(tmp_path: Path) -> None:
    rows = [
        {"id": "s1", "instruction": "Say it.", "instances": [{"input": "", "output": "It."}]},
        {
            "id": "s2",
            "instruction": "Add.",
            "instances": [{"input": "1 1", "output": "2"}, {"input": "2 2", "output": "4"}],
        },
    ]
    (tmp_path / "seed.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = read_layout("self_instruct", tmp_path / "seed.jsonl", ())
    assert [row.values["id"] for row in found] == ["s1", "s2.0", "s2.1"]
    assert [row.values["output"] for row in found] == ["It.", "2", "4"]
    (tmp_path / "plain.jsonl").write_text('{"instruction": "x", "output": "y"}\n')
    with pytest.raises(Problem, match=r"line 1 has no list 'instances'.*task\.file_layout=table"):
        read_layout("self_instruct", tmp_path / "plain.jsonl", ())


CONLL = {
    "tabs": "Ada\tB-PER\nran\tO\n\nUlm\tB-LOC\n",
    "spaces": "Ada B-PER\nran O\n\nUlm B-LOC\n",
    "conll2003": "-DOCSTART- -X- -X- O\n\nAda NNP B-NP B-PER\nran VBD B-VP O\n\nUlm NNP B-NP B-LOC\n",
    "iob2": "# sent_id = 1\n# text = Ada ran\n1\tAda\tB-PER\t-\t-\n2\tran\tO\t-\t-\n\n"
    "# sent_id = 2\n1\tUlm\tB-LOC\t-\t-\n\n",
    "windows": "Ada B-PER\r\nran O\r\n \t\r\n\r\nUlm B-LOC",
}


@pytest.mark.parametrize("form", CONLL)
@pytest.mark.parametrize("name", ["t.tsv", "t.txt", "t.conll", "t.iob2", "t.IOB2"])
def test_conll_as_published(tmp_path: Path, form: str, name: str) -> None:
    (tmp_path / name).write_bytes(CONLL[form].encode())
    assert [dict(row.values) for row in read_layout("conll", tmp_path / name, ("tokens", "ner_tags"))] == [
        {"tokens": ["Ada", "ran"], "ner_tags": ["B-PER", "O"]},
        {"tokens": ["Ulm"], "ner_tags": ["B-LOC"]},
    ]


def test_a_copy_in_a_table_is_read_as_one_whatever_the_layout(tmp_path: Path) -> None:
    row = {"tokens": ["Ada"], "ner_tags": [1], "context": "c", "question": "q", "answers": {"text": ["c"]}}
    (tmp_path / "t.jsonl").write_text(json.dumps(row) + "\n")
    for layout in ("conll", "squad", "xwinograd"):
        assert read_layout(layout, tmp_path / "t.jsonl", ())[0].values == row
