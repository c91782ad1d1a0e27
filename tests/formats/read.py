"""Reads a report with the parsers that others read it with, and prints what they found as JSON.

json SCHEMA FILE        validates against a JSON schema
junit SCHEMA FILE       validates against an XML schema, and reads it with junitparser
html FILE               parses strictly (html5lib raises at every parse error)
markdown FILE           parses as CommonMark with GitHub's tables
"""

import json
import sys


def read_json(schema, file):
    import jsonschema

    with open(schema) as opened:
        schema = json.load(opened)
    with open(file) as opened:
        document = json.load(opened)
    validator = jsonschema.validators.validator_for(schema)
    validator.check_schema(schema)
    errors = [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message}"
        for error in validator(schema, format_checker=validator.FORMAT_CHECKER).iter_errors(document)
    ]
    if errors:
        sys.exit("\n".join(errors[:20]))
    return {"valid": True}


def read_junit(schema, file):
    import junitparser
    import xmlschema

    xmlschema.XMLSchema(schema).validate(file)
    suites = junitparser.JUnitXml.fromfile(file)
    cases = []
    for suite in suites:
        for case in suite:
            # A case that passed has no result, and may have output.
            results = [
                {"kind": type(result).__name__, "type": result.type, "message": result.message, "text": result.text}
                for result in case.result
            ]
            cases.append(
                {"class": case.classname, "name": case.name, "results": results, "output": case.system_out}
            )
    counted = [[suite.tests, suite.failures, suite.errors, suite.skipped] for suite in suites]
    # What junitparser counts itself, beside what the file says.
    suites.update_statistics()
    again = [[suite.tests, suite.failures, suite.errors, suite.skipped] for suite in suites]
    return {"cases": cases, "counted": counted, "again": again}


def read_html(file):
    import html5lib

    with open(file, "rb") as opened:
        document = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(
            opened, transport_encoding="utf-8"
        )
    elements, links, handlers = {}, [], []
    for element in document.iter():
        elements[str(element.tag)] = elements.get(str(element.tag), 0) + 1
        for name, value in element.attrib.items():
            if name in ("action", "background", "cite", "data", "formaction", "href", "poster", "src", "srcset"):
                links.append(value)
            if name.startswith("on"):
                handlers.append(name)
    policies = [
        meta.attrib.get("content")
        for meta in document.iter("meta")
        if meta.attrib.get("http-equiv") == "Content-Security-Policy"
    ]
    code = ["".join(element.itertext()) for element in document.iter("code")]
    return {
        "elements": elements,
        "links": links,
        "handlers": handlers,
        "policies": policies,
        "styles": ["".join(style.itertext()) for style in document.iter("style")],
        "title": "".join(document.find("head/title").itertext()),
        "code": code,
        "text": "".join(document.find("body").itertext()),
    }


def read_markdown(file):
    import markdown_it

    with open(file, newline="") as opened:
        tokens = markdown_it.MarkdownIt("commonmark").enable("table").parse(opened.read())
    html, links, code, tables = [], [], [], []
    for token in tokens:
        if token.type == "html_block":
            html.append(token.content)
        if token.type == "tr_open":
            tables[-1].append(0)
        if token.type in ("th_open", "td_open"):
            tables[-1][-1] += 1
        if token.type == "table_open":
            tables.append([])
        for child in token.children or []:
            if child.type == "html_inline":
                html.append(child.content)
            if child.type in ("link_open", "image"):
                links.append(child.attrs)
            if child.type == "code_inline":
                code.append(child.content)
    headings = [tokens[at + 1].content for at, token in enumerate(tokens) if token.type == "heading_open"]
    return {"html": html, "links": links, "code": code, "tables": tables, "headings": headings}


READERS = {"json": read_json, "junit": read_junit, "html": read_html, "markdown": read_markdown}
json.dump(READERS[sys.argv[1]](*sys.argv[2:]), sys.stdout)
