"""Configurations, options and size tables that cannot be used."""

from collections.abc import Callable

from tests.cli.bad import Bad
from tests.cli.place import Command, Place

# Configurations and options


def configured(text: str, *options: object) -> Callable[[Place], Command]:
    def make(place: Place) -> Command:
        return ["train", place.write("my.yaml", text), "--data-root", place.acdc, "--output", place.output, *options]

    return make


def without_objective(place: Place) -> Command:
    return place.train("--set", "objective={partial_cross_entropy: null, size_target: null}")


def own_labels(place: Place, labels: str) -> Command:
    """A configuration of the user's own volumes and labels."""
    source = f"{{kind: manifest, path: cases.csv, labels: {labels}}}"
    text = f"extends: {place.config}\ndata:\n  source: {source}\n  structures: [all]\n  split: {{name: manifest}}\n"
    return [place.write("own.yaml", text)]


CONFIGURATIONS = [
    Bad("bad YAML", configured("training:\n  epochs: [2\n"), ("my.yaml, line", "not valid YAML", "check indentation")),
    Bad(
        "duplicate key",
        configured("extends: acdc\ntraining:\n  epochs: 2\n  epochs: 3\n"),
        ("my.yaml, line 4: 'training.epochs' is given twice", "first at my.yaml, line 3", "keep one"),
    ),
    Bad(
        "a number of 5,000 digits",
        lambda place: place.train("--set", f"training.epochs={'9' * 5000}"),
        ("--set training.epochs=999", "the value is no YAML", "a number of 5,000 digits"),
    ),
    Bad(
        "more epochs than there is time",
        lambda place: place.train("--set", f"training.epochs={'9' * 300}"),
        ("training.epochs", "less than or equal to 1000000", "(300 letters)"),
    ),
    Bad(
        "infinite noise", lambda place: place.train("--noise", "1e400"), ("--noise: supervision.sizes.noise", "finite")
    ),
    Bad(
        "anchors within anchors",
        configured(
            "a: &a [x, x]\n"
            + "".join(f"a{n}: &a{n} [{'*a' + str(n - 1 or '')}, {'*a' + str(n - 1 or '')}]\n" for n in range(1, 23))
        ),
        ("my.yaml, line", "not valid YAML", "more than 100,000 values"),
    ),
    Bad(
        "unknown key",
        configured("extends: acdc\ntraining:\n  epocs: 2\n"),
        ("my.yaml, line 3: unknown key 'training.epocs'", "did you mean 'epochs'?"),
    ),
    Bad("unknown preset", lambda place: ["train", "adcd"], ("'adcd' is not a preset", "acdc_cpu", "did you mean")),
    Bad("missing file", lambda place: ["train", "my.yaml"], ("my.yaml: no such configuration file", "or a preset")),
    Bad(
        "a structure whose name leads elsewhere",
        lambda place: place.train("--structure", "../../../../esc"),
        ("--structure: data.structures", "the structure cannot have the name '../../../../esc'", "it begins with '.'"),
    ),
    Bad(
        "two structures of one value",
        lambda place: ["train", *own_labels(place, "{lv: 1, heart: 1}"), "--output", place.output],
        ("own.yaml", "data.source.labels", "'lv' and 'heart' have one value, 1"),
    ),
    Bad(
        "a structure called background",
        lambda place: ["train", *own_labels(place, "{background: 1}"), "--output", place.output],
        ("own.yaml", "data.source.labels", "a structure cannot be called 'background'"),
    ),
    Bad(
        "negative noise",
        lambda place: place.train("--noise", -0.08),
        ("--noise: supervision.sizes.noise", "greater than or equal to 0", "found: -0.08"),
    ),
    Bad(
        "all that is wrong",
        configured("extends: acdc\ntraining: {epochs: 0}\n", "--noise", 99, "--set", "training.sed=1"),
        ("3 problems", "my.yaml, line 2: training.epochs", "--noise", "--set training.sed=1", "did you mean 'seed'?"),
    ),
    Bad(
        "YAML that runs code",
        configured("extends: acdc\nx: !!python/object/apply:os.system [ls]\n"),
        ("my.yaml, line 2: not valid YAML", "could not determine a constructor"),
    ),
    Bad(
        "nested aliases",
        configured("a0: &a0 [1]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 30))),
        ("my.yaml, line", "not valid YAML", "more than 100,000 values, with those of its anchors"),
    ),
    Bad(
        "5,000 digits",
        lambda place: place.train("--set", f"training.epochs={'1' * 5000}"),
        ("a number of 5,000 digits",),
    ),
    Bad(
        "a home of nobody", lambda place: place.train("--set", "data.cache=~no_such_person/x"), ("data.cache: no path",)
    ),
    Bad("a name without end", lambda place: ["train", f"{'x' * 5000}.yaml"], ("configuration file: no path",)),
    Bad(
        "variant left open",
        configured("data: {source: {path: cases.csv}}\nobjective: {size_target: {}}\n"),
        ("data.source does not say its kind", "kind: acdc or coco or folder or manifest or voc"),
    ),
    Bad(
        "more levels than the network has",
        lambda place: place.train("--set", "network={name: mobilenetv2_unet, decoder_channels: [8, 8, 8, 8, 8, 8]}"),
        ("network.decoder_channels", "at most 5 items"),
    ),
    Bad("no assignment", lambda place: place.train("--set", "x"), ("--set x: not an assignment", "training.epochs=50")),
    Bad("no objective", without_objective, ("no term: give at least one of partial_cross_entropy", "size_target")),
    Bad("noise that is no number", lambda place: place.train("--noise", "8%"), ("'--noise'", "valid number"), 2),
    Bad("noise beside sizes", lambda place: place.train("--noise", 0.1, "--sizes", "s.csv"), ("give one",), 2),
    Bad("nothing to train", lambda place: ["train"], ("give a preset or a YAML file", "medsize train acdc"), 2),
    Bad(
        "resume elsewhere",
        lambda place: ["train", "--resume", place.run, "--output", place.output],
        ("--resume goes on in the run's own folder", "leave out --output"),
        2,
    ),
    Bad("unknown option", lambda place: place.train("--nose", 0.1), ("No such option: --nose", "--noise"), 2),
    Bad("unknown command", lambda place: ["trian"], ("No such command 'trian'", "'train'"), 2),
    Bad("no patients", lambda place: ["data", "phantom", place.output, "--patients", 0], ("'--patients'", "1"), 2),
]


# Size tables


def sizes_row(row: str) -> Callable[[Place], Command]:
    return lambda place: place.train_with_sizes(f"case,slice,structure,value,unit\n{row}\n")


def too_much(row: str) -> Callable[[Place], Command]:
    """Sizes of three structures that each would do, one row each; the columns are value and low."""
    rows = "".join(f"{row.format(name)}\n" for name in ("rv", "myo", "lv"))
    return lambda place: [
        *place.train_with_sizes(f"case,slice,structure,value,low,unit\n{rows}"),
        *("--structure", "all"),
    ]


def damaged_table(content: bytes, name: str) -> Callable[[Place], Command]:
    def make(place: Place) -> Command:
        table = place.write("sizes.csv", content)
        more: dict[str, Command] = {"check": ["--data", place.acdc], "summary": [], "compare": [table]}
        return ["sizes", name, table, *more[name]]

    return make


SIZES = [
    Bad(
        "sizes of held-out cases alone",
        lambda place: place.train_with_sizes("case;slice;structure;value;unit\npatient001_frame01;0;lv;0,1;fraction\n"),
        ("sizes.csv gives no training slice a size", "sizes of 1 slices", "add rows for training cases"),
    ),
    Bad("no table", lambda place: place.train("--sizes", "gone.csv"), ("gone.csv: no such file", "the size table")),
    *(
        Bad(f"{what} in sizes {name}", damaged_table(content, name), says)
        for name in ("check", "summary", "compare")
        for what, content, says in (
            ("a damaged workbook", b"PK\3\4 and no more", ("cannot read the size table", "a damaged file")),
            ("bytes that are no text", b"\0\1\2\3", ("sizes.csv is no text",)),
            ("an old workbook", b"\xd0\xcf\x11\xe0", ("an .xls of Excel before 2007", "save it as .xlsx")),
            (
                "an open quotation mark",
                b'case,structure,value\n"p1,lv,140 ml\n',
                ("sizes.csv, row 2", "quotation marks"),
            ),
            ("no column of cases", b"structure,value\nlv,140 ml\n", ("sizes.csv, row 1: no column case",)),
        )
    ),
    Bad("unknown case", sizes_row("patient01_frame01,0,lv,0.1,fraction"), ("sizes.csv, row 2: unknown case", "mean")),
    Bad("unknown structure", sizes_row("patient001_frame01,0,l,0.1,fraction"), ("row 2: unknown structure", "'lv'")),
    Bad("no such slice", sizes_row("patient001_frame01,3,lv,0.1,fraction"), ("row 2: no such slice", "0 to 2", "'3'")),
    Bad("negative size", sizes_row("patient001_frame01,0,lv,-0.1,fraction"), ("row 2", "negative", "'-0.1'")),
    Bad("unknown unit", sizes_row("patient001_frame01,0,lv,12,pints"), ("row 2", "unit", "'pints'")),
    Bad("too many mL", sizes_row("patient001_frame01,,lv,120,mL"), ("bigger than the whole image", "55.296 ml")),
    Bad(
        "a level that the table contradicts",
        lambda place: [
            *place.train_with_sizes("case,structure,value,unit\npatient001_frame01,lv,12,ml\n"),
            *("--set", "supervision.level=slice"),
        ],
        ("supervision.level is 'slice'", "rows of slices", "rows of whole cases", "leave supervision.level out"),
    ),
    Bad(
        "common bounds for ranges",
        lambda place: [
            *place.train_with_sizes("case,structure,low,high,unit\npatient001_frame01,lv,10,12,ml\n"),
            *("--set", "objective.quadratic_barrier.weight=1"),
        ],
        (
            "ranges without a value (1, the first in row 2)",
            "kind 'common', used by objective.quadratic_barrier",
            "{kind: table}",
        ),
    ),
    Bad(
        "what slices show, told by volumes",
        lambda place: [
            *place.train_with_sizes("case,structure,value,unit\npatient001_frame01,lv,12,ml\n"),
            *("--set", "objective.negative.weight=1"),
        ],
        ("the size table does not fit", "objective.negative must be told what each slice shows"),
    ),
    Bad(
        "sizes of a slice that sum above one",
        too_much("patient001_frame01,0,{},0.4,,fraction"),
        (
            "rows 2, 3, 4: case patient001_frame01, slice 0: the structures exceed the slice",
            "at most 1 in all",
            "found: rv 0.4 + myo 0.4 + lv 0.4 = 1.2",
        ),
    ),
    Bad(
        "volumes of a case that sum above one",
        too_much("patient001_frame01,,{},20,,ml"),
        (
            "rows 2, 3, 4: case patient001_frame01: the structures exceed the volume",
            "found: rv 0.362 + myo 0.362 + lv 0.362 = 1.09",
            "compare values and units with the size of the image",
        ),
    ),
    Bad(
        "ranges whose lower ends sum above one",
        too_much("patient001_frame01,,{},,20,ml"),
        ("the structures exceed the volume", "rv 0.362 + myo 0.362 + lv 0.362 = 1.09"),
    ),
]
