//! What a package is called. Two repositories' packages may be installed side by side, so each
//! repository can give its own a name, in `publishers.json` or with the call.

use serde_json::Value;

use super::Language;

/// The member of `publishers.json` that names the packages, by language.
pub const PACKAGES: &str = "packages";
/// What the sources in `bindings/` call themselves.
const TYPESCRIPT: &str = "@doorward/events";
const PYTHON: &str = "doorward-events";
const MODULE: &str = "doorward_events";
/// As npm has it.
const LONGEST: usize = 214;

/// A package's name: what stands for it in the sources, and what is to stand there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// As it is installed.
    pub name: String,
    /// Pairs of texts: what a file holds, and what it is to hold.
    pub renamed: Vec<(&'static str, String)>,
}

impl Name {
    /// The name as it is, or why it cannot be one.
    pub fn of(language: Language, name: &str) -> Result<Self, String> {
        let plain = |part: &str| {
            let within = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
            part.starts_with(within)
                && part.ends_with(within)
                && part.chars().all(|c| within(c) || matches!(c, '.' | '_' | '-'))
        };
        let wrong = |rule: &str| Err(format!("{name:?} is no name of a package: {rule}"));
        if name.len() > LONGEST {
            return wrong("it is longer than 214 characters");
        }
        let renamed = match language {
            Language::Typescript => {
                let scoped = name.strip_prefix('@').and_then(|rest| rest.split_once('/'));
                let fits = match scoped {
                    Some((scope, package)) => plain(scope) && plain(package),
                    None => plain(name),
                };
                if !fits {
                    return wrong("lower-case letters, digits, dots and dashes, after @SCOPE/");
                }
                vec![(TYPESCRIPT, name.to_owned())]
            }
            Language::Python => {
                let module = name.replace(['-', '.'], "_");
                if !plain(name) || module.starts_with(|c: char| c.is_ascii_digit()) {
                    return wrong("lower-case letters, digits and dashes, a letter first");
                }
                // In this order, since a module's name holds no dash.
                vec![(MODULE, module), (PYTHON, name.to_owned())]
            }
            Language::Rust => {
                return Err(
                    "the Rust bindings are a part of doorward-events: leave out --name".to_owned()
                );
            }
        };
        Ok(Self { name: name.to_owned(), renamed })
    }

    /// What `publishers.json` says, or else as the sources have it.
    pub fn configured(language: Language, register: &Value) -> Result<Self, String> {
        let default = if language == Language::Python { PYTHON } else { TYPESCRIPT };
        let configured = register.get(PACKAGES).and_then(|packages| packages.get(word(language)));
        match configured {
            None => Self::of(language, default),
            Some(name) => {
                let name = name.as_str().ok_or_else(|| format!("{name} is no text"))?;
                Self::of(language, name)
            }
        }
    }
}

fn word(language: Language) -> &'static str {
    match language {
        Language::Rust => "rust",
        Language::Typescript => "typescript",
        Language::Python => "python",
    }
}

/// What is wrong with the member `packages`, each with the pointer below it.
pub fn faults(packages: &Value) -> Vec<(String, String)> {
    let Some(members) = packages.as_object() else {
        return vec![(String::new(), "packages is no object".to_owned())];
    };
    let mut faults = Vec::new();
    for (key, name) in members {
        let language =
            [Language::Typescript, Language::Python].into_iter().find(|l| word(*l) == key);
        let fault = match (language, name.as_str()) {
            (None, _) => Some(format!("{key} is no language that packages are made for")),
            (_, None) => Some(format!("{name} is no text")),
            (Some(language), Some(name)) => Name::of(language, name).err(),
        };
        let at = format!("/{}", doorward_schema_repository::places::step(key));
        faults.extend(fault.map(|what| (at, what)));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_both_registries_take_is_a_name() {
        for (language, name) in [
            (Language::Typescript, "@acme/door-events"),
            (Language::Typescript, "events2"),
            (Language::Python, "acme-events"),
        ] {
            assert!(Name::of(language, name).is_ok(), "{name}");
        }
        for (language, name) in [
            (Language::Typescript, "@acme/"),
            (Language::Typescript, "Events"),
            (Language::Typescript, "../events"),
            (Language::Typescript, "a/b"),
            (Language::Typescript, ""),
            (Language::Python, "1events"),
            (Language::Python, "@acme/events"),
            (Language::Python, "acme-"),
            (Language::Python, "a\"b"),
            (Language::Rust, "events"),
        ] {
            assert!(Name::of(language, name).is_err(), "{name}");
        }
        let long = "a".repeat(LONGEST + 1);
        assert!(Name::of(Language::Python, &long).is_err());
    }
}
