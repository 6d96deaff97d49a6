//! Pairs of schemas with a verdict, as other projects publish them.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use serde_json::Value;

use super::translate::Dialect;

/// Whether every document of the first is one of the second, as the source says.
#[derive(Debug, Clone)]
pub struct Pair {
    pub name: String,
    pub dialect: Dialect,
    pub old: Value,
    pub new: Value,
    /// None: the source gives no verdict for this pair.
    pub compatible: Option<bool>,
    /// A document that others found to be valid under the first and invalid under the second.
    pub witness: Option<Value>,
}

/// Pairs of one origin.
#[derive(Debug)]
pub struct Suite {
    pub name: &'static str,
    pub pairs: Result<Vec<Pair>>,
    /// Nine tenths of the pairs that it was published with.
    pub floor: usize,
}

/// How a suite is read.
type Reader = fn(&Path) -> Result<Vec<Pair>>;

/// The suites, each with the pairs that it was published with.
const SUITES: [(&str, usize, Reader); 6] = [
    ("apicurio", 290, apicurio),
    ("karapace", 321, karapace),
    ("ibm-jsonsubschema", 608, ibm),
    ("sentry-json-schema-diff", 85, sentry),
    ("compat-cases-permissive", 1100, merged),
    ("contested", 176, contested),
];

/// Reads every suite of pairs in the folder.
///
/// # Errors
/// None of them is there.
pub fn suites(folder: &Path) -> Result<Vec<Suite>> {
    let suites = SUITES.map(|(name, published, read)| Suite {
        name,
        pairs: read(folder),
        floor: published * 9 / 10,
    });
    if suites.iter().all(|suite| suite.pairs.is_err()) {
        let names: Vec<&str> = suites.iter().map(|suite| suite.name).collect();
        return Err(anyhow!("{} holds none of the suites {}", folder.display(), names.join(", ")));
    }
    Ok(suites.into())
}

fn read(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).with_context(|| format!("{}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{}", path.display()))
}

fn list<'a>(value: &'a Value, path: &Path) -> Result<&'a Vec<Value>> {
    value.as_array().ok_or_else(|| anyhow!("{}: not a list", path.display()))
}

fn member<'a>(value: &'a Value, name: &str) -> Result<&'a Value> {
    value.get(name).ok_or_else(|| anyhow!("no member {name} in {value}"))
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str> {
    member(value, name)?.as_str().ok_or_else(|| anyhow!("{name} is no text in {value}"))
}

fn pair(
    name: String,
    dialect: Dialect,
    old: &Value,
    new: &Value,
    compatible: Option<bool>,
) -> Pair {
    Pair { name, dialect, old: old.clone(), new: new.clone(), compatible, witness: None }
}

/// One verdict for both directions of each case.
fn apicurio(folder: &Path) -> Result<Vec<Pair>> {
    let path = folder.join("apicurio/compatibility-test-data.json");
    let file = read(&path)?;
    let mut pairs = Vec::new();
    for case in list(member(&file, "tests")?, &path)? {
        if case.get("enabled") == Some(&Value::Bool(false)) {
            continue;
        }
        let (forth, back) = match text(case, "compatibility")? {
            "backward" => (true, false),
            "both" => (true, true),
            "none" => (false, false),
            other => return Err(anyhow!("{}: unknown verdict {other}", path.display())),
        };
        let (old, new) = (member(case, "original")?, member(case, "updated")?);
        let name = text(case, "id")?;
        pairs.push(pair(name.to_owned(), Dialect::Draft07, old, new, Some(forth)));
        pairs.push(pair(format!("{name} (reversed)"), Dialect::Draft07, new, old, Some(back)));
    }
    Ok(pairs)
}

fn karapace(folder: &Path) -> Result<Vec<Pair>> {
    let path = folder.join("karapace/compat-cases.json");
    let file = read(&path)?;
    let cases = list(&file, &path)?.iter().map(|case| {
        let compatible = member(case, "backward_compatible")?.as_bool();
        Ok(pair(
            text(case, "id")?.to_owned(),
            Dialect::Draft07,
            member(case, "old")?,
            member(case, "new")?,
            compatible,
        ))
    });
    cases.collect()
}

fn ibm(folder: &Path) -> Result<Vec<Pair>> {
    let path = folder.join("ibm-jsonsubschema/subschema-cases.json");
    let file = read(&path)?;
    let mut pairs = Vec::new();
    for case in list(&file, &path)? {
        let name = text(case, "id")?;
        let (old, new) = (member(case, "old")?, member(case, "new")?);
        let expected = member(case, "expected")?.as_bool();
        if text(case, "relation")? == "equivalent" {
            // That two are not equivalent says nothing of either direction alone.
            let each = expected.filter(|same| *same);
            pairs.push(pair(name.to_owned(), Dialect::Draft04, old, new, each));
            pairs.push(pair(format!("{name} (reversed)"), Dialect::Draft04, new, old, each));
        } else {
            pairs.push(pair(name.to_owned(), Dialect::Draft04, old, new, expected));
        }
    }
    Ok(pairs)
}

/// Its verdict is a list of changes; those of them that break are known by their names.
fn sentry(folder: &Path) -> Result<Vec<Pair>> {
    let root = folder.join("sentry-json-schema-diff/tests");
    let mut pairs = Vec::new();
    for group in sorted(&root.join("fixtures"))? {
        for file in sorted(&group)? {
            let case = read(&file)?;
            let name = |path: &Path| {
                path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
            };
            let (group, file) = (name(&group), name(&file));
            let snapshot = root.join(format!("snapshots/test__from_fixtures@{group}__{file}.snap"));
            let compatible = fs::read_to_string(&snapshot).ok().map(|told| !breaks(&told));
            pairs.push(pair(
                format!("{group}/{file}"),
                Dialect::Draft07,
                member(&case, "lhs")?,
                member(&case, "rhs")?,
                compatible,
            ));
        }
    }
    Ok(pairs)
}

fn sorted(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("{}", folder.display()))?;
    let mut paths = entries.map(|e| Ok(e?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// Whether a list of changes holds one that shuts documents out.
fn breaks(told: &str) -> bool {
    let mut previous = "";
    let mut change = "";
    let mut bounds: Vec<f64> = Vec::new();
    let mut found = false;
    for line in told.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("change: ") {
            change = rest.trim_end_matches([' ', '{', ',']);
            bounds.clear();
            found |= matches!(
                change,
                "TypeRemove"
                    | "ConstAdd"
                    | "EnumRemove"
                    | "PatternAdd"
                    | "PatternChange"
                    | "FormatAdd"
                    | "FormatChange"
                    | "RangeAdd"
                    | "RequiredAdd"
                    | "MinLengthAdd"
                    | "MaxLengthAdd"
            );
        }
        found |= change == "EnumAdd" && line == "lhs_has_no_enum: true,";
        found |= change == "PropertyAdd" && line == "lhs_additional_properties: true,";
        found |= change == "PropertyRemove" && line == "lhs_additional_properties: false,";
        let number = line
            .trim_start_matches("old_value: ")
            .trim_start_matches("new_value: ")
            .trim_end_matches(',')
            .parse::<f64>();
        if let Ok(number) = number
            && matches!(change, "RangeChange" | "MinLengthChange" | "MaxLengthChange")
        {
            bounds.push(number);
            let lower = change == "MinLengthChange" || previous.contains("Minimum");
            if let [old, new] = bounds.as_slice() {
                found |= if lower { new > old } else { new < old };
                bounds.clear();
            }
        }
        previous = line;
    }
    found
}

fn merged(folder: &Path) -> Result<Vec<Pair>> {
    let path = folder.join("compat-cases-permissive.jsonl");
    let text = fs::read_to_string(&path).with_context(|| format!("{}", path.display()))?;
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| found(&serde_json::from_str(line)?))
        .collect()
}

/// Cases of which a document was found, or not found, that shows the break.
fn found(case: &Value) -> Result<Pair> {
    let dialect = match text(case, "draft")? {
        "draft-04" => Dialect::Draft04,
        _ => Dialect::Draft07,
    };
    let shown = case.get("witness_found") == Some(&Value::Bool(true));
    Ok(Pair {
        name: format!("{} {}", text(case, "suite")?, text(case, "id")?),
        dialect,
        old: member(case, "old")?.clone(),
        new: member(case, "new")?.clone(),
        compatible: member(case, "vendor_backward_compatible")?.as_bool(),
        witness: shown.then(|| case.get("witness").cloned().unwrap_or_default()),
    })
}

fn contested(folder: &Path) -> Result<Vec<Pair>> {
    let path = folder.join("contested.json");
    let file = read(&path)?;
    let groups =
        ["vendor_says_compatible_but_witness_breaks", "vendor_says_incompatible_no_witness_found"];
    let mut pairs = Vec::new();
    for group in groups {
        for case in list(member(&file, group)?, &path)? {
            pairs.push(found(case)?);
        }
    }
    Ok(pairs)
}
