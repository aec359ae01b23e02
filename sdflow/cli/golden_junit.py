"""What came of goldens as JUnit XML, which CI systems show: a suite for each recipe, a case for each output.

The form is that of https://github.com/testmoapp/junitxml, which collects what the readers of such files agree on.
"""

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from sdflow.cli.golden_words import class_words, difference_words, tolerance_words, way_words
from sdflow.cli.tables import printable
from sdflow.golden.check import Checked
from sdflow.golden.compare import Verdict
from sdflow.problems import Problem


def junit_xml(found: Sequence[Checked], wrong: Sequence[Problem] = ()) -> str:
    """The file's text; what could not be verified at all is an error of a suite of its own."""
    root = ET.Element("testsuites", name="sdflow golden verify")
    for checked in found:
        _suite(root, checked)
    if wrong:
        suite = ET.SubElement(root, "testsuite", name="sdflow", tests=str(len(wrong)), errors=str(len(wrong)))
        for it in wrong:
            case = ET.SubElement(suite, "testcase", classname="sdflow", name=it.code)
            ET.SubElement(case, "error", type=it.code, message=printable(it.line()))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(root: ET.Element, checked: Checked) -> None:
    name = printable(str(checked.recipe))
    bad = sum(not it.passed for it in checked.verdicts)
    suite = ET.SubElement(
        root,
        "testsuite",
        name=name,
        tests=str(len(checked.verdicts) + len(checked.failures)),
        failures=str(bad),
        errors=str(len(checked.failures)),
    )
    properties = ET.SubElement(suite, "properties")
    classes = {"recorded-in": checked.golden.numerics, "numerics": checked.numerics}
    for what, numerics in classes.items():
        ET.SubElement(properties, "property", name=what, value=printable(class_words(numerics)))
    for failure in checked.failures:
        case = ET.SubElement(suite, "testcase", classname=name, name="run")
        ET.SubElement(case, "error", type="run", message=printable(failure))
    for verdict in checked.verdicts:
        _case(suite, name, verdict)


def _case(suite: ET.Element, recipe: str, verdict: Verdict) -> None:
    case = ET.SubElement(suite, "testcase", classname=recipe, name=printable(verdict.path))
    said = [f"{way_words(verdict)}: {verdict.words}"]
    if verdict.differs:
        said.append(f"another numerics class: {difference_words(verdict.differs)}")
        said += [tolerance_words(verdict.tolerance)] if verdict.tolerance else []
    text = printable("; ".join(said))
    if verdict.passed:
        ET.SubElement(case, "system-out").text = text
    else:
        ET.SubElement(case, "failure", type=verdict.way, message=text).text = text
