//! Reads `template.yaml` as data. A short form such as `!Ref Ledger` becomes an object of one member, `{"!Ref": "Ledger"}`.
//! Never resolves anything.

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The template.
pub struct Template {
    /// As data.
    pub all: Value,
    /// As it is written.
    pub text: String,
}

impl Template {
    pub fn read() -> Self {
        let text = fs::read_to_string(root().join("template.yaml")).unwrap();
        let all = value(&Yaml::load_from_str(&text).unwrap()[0]);
        Self { all, text }
    }

    /// A resource, by its name in the template.
    pub fn resource(&self, logical_id: &str) -> &Value {
        let resource = &self.all["Resources"][logical_id];
        assert!(!resource.is_null(), "no resource {logical_id}");
        resource
    }

    pub fn properties(&self, logical_id: &str) -> &Value {
        &self.resource(logical_id)["Properties"]
    }

    /// The names of all resources of a type.
    pub fn of_type(&self, kind: &str) -> BTreeSet<String> {
        let resources = self.all["Resources"].as_object().unwrap();
        let found: BTreeSet<String> =
            resources.iter().filter(|(_, one)| one["Type"] == kind).map(|(name, _)| name.clone()).collect();
        assert!(!found.is_empty(), "no {kind}");
        found
    }
}

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// All Rust code below some folders.
pub fn sources(folders: &[&str]) -> String {
    let mut code = String::new();
    let mut waiting: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            code.push_str(&fs::read_to_string(path).unwrap());
        }
    }
    code
}

fn value(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(boolean)) => json!(boolean),
        Yaml::Value(Scalar::Integer(integer)) => json!(integer),
        Yaml::Value(Scalar::FloatingPoint(number)) => json!(number.0),
        Yaml::Value(Scalar::String(text)) => json!(text),
        Yaml::Sequence(items) => Value::Array(items.iter().map(value).collect()),
        Yaml::Mapping(members) => Value::Object(
            members
                .iter()
                .map(|(name, member)| (name.as_str().expect("a key is a string").to_owned(), value(member)))
                .collect::<Map<_, _>>(),
        ),
        Yaml::Tagged(tag, inner) => json!({format!("{}{}", tag.handle, tag.suffix): value(inner)}),
        Yaml::Representation(..) | Yaml::Alias(_) | Yaml::BadValue => {
            panic!("CloudFormation knows no such YAML: {yaml:?}")
        }
    }
}
