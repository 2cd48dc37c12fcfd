from medsize.inference.colours import colours, itk_snap_labels, slicer_colours

VALUES = {"left ventricle": 3, 'the "other"': 1}


def test_itk_snap_reads_one_line_a_value_and_the_clear_label():
    lines = [line for line in itk_snap_labels(VALUES).splitlines() if not line.startswith("#")]
    assert [line.split()[0] for line in lines] == ["0", "1", "3"]
    assert [line.split('"')[1] for line in lines] == ["Clear Label", "the 'other'", "left ventricle"]
    assert [tuple(map(int, line.split()[1:4])) for line in lines[1:]] == [colours(VALUES)[1], colours(VALUES)[3]]
    assert [line.split()[4:7] for line in lines] == [["0", "0", "0"], ["1", "1", "1"], ["1", "1", "1"]]


def test_slicer_reads_six_words_a_line():
    lines = [line.split() for line in slicer_colours(VALUES).splitlines() if not line.startswith("#")]
    assert [line[:2] for line in lines] == [["0", "Background"], ["1", 'the_"other"'], ["3", "left_ventricle"]]
    assert all(len(line) == 6 for line in lines)


def test_many_structures_have_colours_of_their_own():
    many = colours({str(value): value for value in range(1, 101)})
    assert len(set(many.values())) == 100
    assert all(0 <= part <= 255 for colour in many.values() for part in colour)
