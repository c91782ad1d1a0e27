//! Types of columns and of keys, with the values that have been lost by somebody's before-images (F44).

/// A type, as the columns of a random table have it. `{s}` is the schema of the case, quoted.
pub(crate) struct Kind {
    /// As SQL writes it.
    pub(crate) sql: &'static str,
    /// Values as the type reads them; NULL is one more. The first is the simple one.
    pub(crate) values: &'static [&'static str],
    /// Values computed from the row; `{c}` is the column.
    pub(crate) computed: &'static [&'static str],
    /// Values that no fix ever makes; `{n}` is a number.
    pub(crate) fresh: Option<&'static str>,
}

const fn kind(
    sql: &'static str,
    values: &'static [&'static str],
    computed: &'static [&'static str],
    fresh: Option<&'static str>,
) -> Kind {
    Kind { sql, values, computed, fresh }
}

/// All of them; the first is the simple one.
pub(crate) const KINDS: &[Kind] = &[
    kind("integer", &["0", "-2147483648", "2147483647"], &["COALESCE({c}, 5) / 2 + 1"], Some("{n}")),
    kind(
        "text",
        &["x", "", "it's", "a\\b", "two\nlines", "NULL", "🦀\u{202e}", "\u{1b}[0m", "%s", " x "],
        &["{c} || 'x'", "NULLIF({c}, '')", "upper({c})"],
        Some("'w{n}'"),
    ),
    kind("smallint", &["0", "-32768", "32767"], &["COALESCE({c}, 5) / 2 + 1"], None),
    kind(
        "bigint",
        &["0", "-9223372036854775808", "9223372036854775807"],
        &["COALESCE({c}, 5) / 2 + 1"],
        Some("{n}"),
    ),
    kind(
        "numeric",
        &["0", "1.0", "1.00", "NaN", "Infinity", "-Infinity", "12345678901234567890123456789.000100"],
        &["{c} + 1", "{c} * 1.00"],
        Some("{n}.50"),
    ),
    kind("numeric(10,2)", &["1.50", "0.00", "NaN", "-99999999.99"], &["{c} / 2", "0.125"], Some("{n}.5")),
    kind(
        "real",
        &["0", "-0", "NaN", "Infinity", "-Infinity", "1e-45", "3.4028235e38", "0.1"],
        &["-{c}"],
        None,
    ),
    kind(
        "double precision",
        &["0", "-0", "NaN", "Infinity", "-Infinity", "5e-324", "1.7976931348623157e308", "0.1"],
        &["-{c}", "pg_catalog.floor({c})"],
        Some("{n}.1"),
    ),
    kind("money", &["0", "-1.23", "92233720368547758.07"], &["{c} / 2"], None),
    kind("boolean", &["false", "true"], &["NOT {c}"], None),
    kind("varchar(12)", &["x", "", "trailing  ", "ümlaut🦀"], &["pg_catalog.left({c}, 3)"], Some("'w{n}'")),
    kind("character(5)", &["x", "", "  y", "five5"], &["pg_catalog.left({c}, 2)"], None),
    kind("\"char\"", &["a", "", "%"], &[], None),
    kind("name", &["n", "", "-rf", "a\"b"], &["pg_catalog.lower({c}::text)"], None),
    kind("bytea", &["\\x", "\\x00", "\\xdeadbeef5c27"], &["{c} || '\\x00'::bytea"], Some("'\\x{n}'")),
    kind(
        "uuid",
        &["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"],
        &["pg_catalog.md5({c}::text)::uuid"],
        None,
    ),
    kind("date", &["2024-02-29", "infinity", "-infinity", "0044-03-15 BC"], &["{c} + 1"], None),
    kind("time", &["00:00", "24:00:00", "12:34:56.000001"], &[], None),
    kind("time(0) with time zone", &["12:00:00+14", "23:59:59-15:59:59"], &[], None),
    kind(
        "timestamp",
        &["2024-02-29 12:00", "infinity", "-infinity", "0044-03-15 12:00:00.000001 BC"],
        &[],
        None,
    ),
    kind(
        "timestamptz",
        &["2024-03-31 02:30+02", "infinity", "-infinity", "294276-12-31 23:59:59.999999+00"],
        &["pg_catalog.date_trunc('day', {c})"],
        None,
    ),
    kind(
        "interval",
        &["0", "1 mon -1 day 00:00:00.000001", "24:00:00", "-1 year 2 mons -3 days +04:05:06.7"],
        &["{c} * 2"],
        None,
    ),
    kind(
        "json",
        &["1", "{\"a\":1,  \"a\" : 2}", " [1 ,2]", "null", "1.00", "\"\\u0041\"", "{\"b\":\n\t{}}"],
        &["pg_catalog.json_build_object('was', {c})", "({c})::jsonb"],
        Some("'{\"w\" : {n} }'"),
    ),
    kind(
        "jsonb",
        &["1", "1.00", "null", "{\"a\": {\"b\": [1e2, \"x\"]}}"],
        &["{c}::text::json"],
        Some("'[{n}]'"),
    ),
    kind(
        "xml",
        &["<a/>", "<?xml version=\"1.0\" encoding=\"UTF-8\"?><a  b='c'/>", "no <b>tag</b>", ""],
        &["xmlconcat({c}, '<x/>')"],
        None,
    ),
    kind("inet", &["10.0.0.1", "10.0.0.1/8", "::1/128", "::ffff:1.2.3.4"], &["{c} + 1"], None),
    kind("cidr", &["10.0.0.0/8", "::/0"], &["pg_catalog.set_masklen({c}, 0)"], None),
    kind("macaddr", &["08:00:2b:01:02:03"], &["pg_catalog.trunc({c})"], None),
    kind("macaddr8", &["08:00:2b:01:02:03:04:05"], &[], None),
    kind("bit(4)", &["0000", "1010"], &["~{c}"], None),
    kind("bit varying(6)", &["", "1", "101010"], &["{c} & {c}"], None),
    kind("tsvector", &["a", "'it''s':1A,2B b:3", ""], &["{c} || 'z:9'::tsvector"], None),
    kind("tsquery", &["a", "a & !b <2> 'c d':*A"], &[], None),
    kind("int4range", &["empty", "[1,5)", "(,3]", "(,)"], &["{c} * '[2,4)'::int4range"], None),
    kind("numrange", &["[1.0,1.00]", "(,1.50)", "empty"], &[], None),
    kind("tstzrange", &["[infinity,]", "(-infinity,2024-01-01 00:00+05)"], &[], None),
    kind("int4multirange", &["{}", "{[1,3),[5,9)}", "{(,)}"], &[], None),
    kind("point", &["(0,0)", "(0,-0)", "(NaN,Infinity)", "(0.1,1e-300)"], &[], None),
    kind("box", &["(2,2),(0,0)", "(-0,1),(-1,-0)"], &[], None),
    kind("path", &["[(0,0),(1,1)]", "((0,0),(1,-0),(2,0.1))"], &["pg_catalog.pclose({c})"], None),
    kind("polygon", &["((0,0),(1,1),(2,0))"], &[], None),
    kind("lseg", &["[(0,-0),(1,NaN)]"], &[], None),
    kind("circle", &["<(0.1,-0),3>"], &[], None),
    kind(
        "integer[]",
        &["{}", "{1,NULL}", "[2:4]={1,NULL,3}", "[0:1][-1:0]={{1,2},{3,4}}"],
        &["{c}[2:]"],
        Some("'[3:3]={{n}}'"),
    ),
    kind(
        "text[]",
        &["{}", "{NULL,\"NULL\",\"\",\"a,b\",\"q\\\"\"}", "[-1:0]={x,y}"],
        &["{c} || '{z}'"],
        None,
    ),
    kind("double precision[]", &["{-0,NaN,0.1}"], &[], None),
    kind("json[]", &["{\"{\\\"a\\\" :1}\"}"], &[], None),
    kind("oid", &["0", "4294967295"], &[], None),
    kind("regclass", &["pg_catalog.pg_class", "pg_catalog.pg_proc"], &[], None),
    kind("pg_lsn", &["0/0", "FFFFFFFF/FFFFFFFF"], &[], None),
    kind("{s}.mood", &["fine", "", "it's", "new\nline", "🦀"], &[], None),
    kind("{s}.mood[]", &["{}", "[5:6]={fine,NULL}", "{\"\",\"it's\"}"], &[], None),
    kind("{s}.amount", &["1.500", "0.000", "NaN"], &["{c} + 0.0005"], None),
    kind("{s}.line", &["x", "", " x ", "two\nlines", "(a,b)"], &["{c} || '.'"], Some("'w{n}'")),
    kind("{s}.padded", &["x", "", "  y"], &[], None),
    kind("{s}.cut", &["x", "", "x  "], &[], None),
    // No minus: it makes a NaN with another sign, which the text of a domain does not tell.
    kind("{s}.ratio", &["0", "-0", "NaN", "0.1", "5e-324"], &["pg_catalog.floor({c})"], None),
    kind("{s}.letter", &["a", "", "%"], &[], None),
    kind("{s}.document", &["{\"a\":1,  \"a\" : 2}", " 1"], &[], None),
    kind("{s}.span", &["1 mon -1 day 00:00:00.000001", "-1 year 2 mons -3 days +04:05:06.7"], &[], None),
    kind("{s}.numbers", &["{}", "[2:3]={1,NULL}"], &[], None),
    kind("{s}.markup", &["<a/>", "no <b>tag</b>", ""], &[], None),
    kind(
        "{s}.\"pa ir\"",
        &["(0,x,0)", "(,,)", "(-1,\"\",-0)", "(1,\"it's, \"\"\\\\x\"\"\",NaN)"],
        &[],
        Some("ROW({n}, 'w', 0)"),
    ),
    kind("{s}.\"pa ir\"[]", &["{}", "[2:3]={\"(1,x,-0)\",NULL}"], &[], None),
    kind("{s}.floats", &["empty", "[-0,0.1)", "(,NaN]"], &[], None),
    kind("public.hstore", &["", "a=>1,b=>NULL", "\"it's\"=>\"\""], &["{c} || 'z=>1'"], None),
    kind("public.citext", &["x", "X", "ß"], &["upper({c})"], Some("'w{n}'")),
];

/// The types of [`KINDS`] that are made in the schema of a case.
pub(crate) const TYPES: &str = "
    CREATE TYPE {s}.mood AS ENUM ('fine', '', 'it''s', E'new\\nline', '🦀');
    CREATE DOMAIN {s}.amount AS numeric(8,3);
    CREATE DOMAIN {s}.line AS text;
    CREATE DOMAIN {s}.padded AS character(5);
    CREATE DOMAIN {s}.cut AS varchar(5);
    CREATE DOMAIN {s}.ratio AS double precision;
    CREATE DOMAIN {s}.letter AS \"char\";
    CREATE DOMAIN {s}.document AS json;
    CREATE DOMAIN {s}.span AS interval;
    CREATE DOMAIN {s}.numbers AS integer[];
    CREATE DOMAIN {s}.markup AS xml;
    CREATE TYPE {s}.\"pa ir\" AS (\"a b\" integer, b text, c real);
    CREATE TYPE {s}.floats AS RANGE (subtype = double precision);";

/// A key: the columns that it has, each with its type, and the value of the row whose number is `rid`.
pub(crate) const KEYS: &[&[(&str, &str)]] = &[
    &[("integer", "rid")],
    &[("bigint GENERATED ALWAYS AS IDENTITY", "rid * 4294967296")],
    &[("uuid", "pg_catalog.md5(rid::text)::uuid")],
    &[("text", "E'it''s \\n\"\\\\' || rid || '🦀'")],
    &[("text", "'k' || rid % 3"), ("integer", "rid / 3")],
    &[("{s}.mood", "(ARRAY['fine', '', 'it''s', '🦀'])[rid % 4 + 1]::{s}.mood"), ("smallint", "rid / 4")],
    &[("{s}.line", "rid || ','")],
    &[("public.citext", "CASE WHEN rid % 2 = 0 THEN 'Aa' ELSE 'b' END || rid")],
    &[("numeric", "CASE rid WHEN 3 THEN 'NaN' ELSE rid::numeric * 1.00 END")],
    &[(
        "double precision",
        "CASE rid WHEN 3 THEN 'NaN' WHEN 4 THEN '-0' WHEN 5 THEN 'Infinity' ELSE rid / 3.0 END",
    )],
    &[("character(8)", "rid::text")],
    &[(
        "timestamptz",
        "CASE rid WHEN 3 THEN 'infinity' ELSE '2024-03-31 01:30Z'::timestamptz + rid * interval '1 h' END",
    )],
    &[
        ("bytea", "pg_catalog.decode(pg_catalog.lpad(rid::text, 6, '0'), 'hex')"),
        ("date", "date '2024-02-27' + rid"),
    ],
    &[("{s}.\"pa ir\"", "ROW(rid, 'it''s', -0.0)::{s}.\"pa ir\"")],
    &[("integer[]", "pg_catalog.array_fill(rid, '{2}', '{5}')")],
    &[("inet", "'10.0.0.1'::inet + rid"), ("boolean", "rid % 2 = 0"), ("name", "'n'::name")],
    &[("jsonb", "pg_catalog.jsonb_build_array(rid, 1.00)")],
    &[("{s}.ratio", "rid / 3.0")],
];
