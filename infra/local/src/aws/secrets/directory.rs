//! The directory behind the local secrets: which file is which version of which secret. It never looks into a document.

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

/// A staging label that has a file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Current,
    Pending,
}

impl Stage {
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Current => "AWSCURRENT",
            Self::Pending => "AWSPENDING",
        }
    }

    fn file(self, tenant: &str) -> String {
        match self {
            Self::Current => format!("{tenant}.json"),
            Self::Pending => format!("{tenant}.pending.json"),
        }
    }
}

/// One secret, with its one or two versions.
pub(super) struct Secret {
    pub(super) tenant: String,
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) versions: Vec<Version>,
}

impl Secret {
    /// Whether this is its name, its ARN, or its ARN without the suffix.
    pub(super) fn is_called(&self, id: &str) -> bool {
        id == self.name || id == self.arn || Some(id) == self.arn.rsplit_once('-').map(|(short, _)| short)
    }

    /// The version with that label.
    pub(super) fn at(&self, label: &str) -> Option<&Version> {
        self.versions.iter().find(|version| version.labels().contains(&label))
    }
}

/// One document, with the labels that point to it.
pub(super) struct Version {
    pub(super) id: String,
    pub(super) text: String,
    /// When the file was last written, in seconds since 1970.
    pub(super) changed: f64,
    stages: Vec<Stage>,
}

impl Version {
    /// The id of a version with this content. It depends on nothing else, so that an edited file is a new version.
    pub(super) fn id_of(text: &str) -> String {
        let hash = HEXLOWER.encode(&Sha256::digest(text.as_bytes()));
        format!("{}-{}-{}-{}-{}", &hash[..8], &hash[8..12], &hash[12..16], &hash[16..20], &hash[20..32])
    }

    pub(super) fn labels(&self) -> Vec<&'static str> {
        self.stages.iter().map(|stage| stage.label()).collect()
    }
}

/// A directory of tenant documents.
pub(super) struct Directory {
    path: PathBuf,
    prefix: String,
}

impl Directory {
    /// Opens a directory; an error if it can't be listed.
    pub(super) fn open(path: PathBuf, prefix: String) -> io::Result<Self> {
        fs::read_dir(&path)?;
        Ok(Self { path, prefix })
    }

    /// What every secret's name begins with.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The name of a tenant's secret.
    pub(super) fn name(&self, tenant: &str) -> String {
        format!("{}{tenant}", self.prefix)
    }

    /// The tenant that a secret's name names.
    pub(super) fn tenant<'a>(&self, name: &'a str) -> Option<&'a str> {
        name.strip_prefix(&self.prefix).filter(|tenant| is_tenant(tenant))
    }

    /// Every tenant with a current version, sorted.
    pub(super) fn tenants(&self) -> io::Result<Vec<String>> {
        let names = self.names()?;
        Ok(names
            .iter()
            .filter_map(|name| name.strip_suffix(".json").filter(|t| is_tenant(t)))
            .map(str::to_owned)
            .collect())
    }

    /// Every other file, sorted, but for hidden ones and pending versions of the tenants.
    pub(super) fn ignored(&self) -> io::Result<Vec<String>> {
        let mut names = self.names()?;
        let tenants = self.tenants()?;
        let serves = |name: &str, stage: Stage| tenants.iter().any(|tenant| stage.file(tenant) == name);
        names.retain(|name| !serves(name, Stage::Current) && !serves(name, Stage::Pending));
        Ok(names)
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.retain(|name| !name.starts_with('.'));
        names.sort();
        Ok(names)
    }

    /// Reads a tenant's secret; `None` without a current version.
    pub(super) fn secret(&self, tenant: &str) -> io::Result<Option<Secret>> {
        let Some(current) = self.version(tenant, Stage::Current)? else {
            return Ok(None);
        };
        let mut versions = vec![current];
        if let Some(pending) = self.version(tenant, Stage::Pending)? {
            match versions.iter_mut().find(|version| version.id == pending.id) {
                Some(same) => same.stages.extend(pending.stages),
                None => versions.push(pending),
            }
        }
        let name = self.name(tenant);
        // AWS ends an ARN with six characters of its own, so that a deleted and recreated secret has another.
        let suffix = &HEXLOWER.encode(&Sha256::digest(name.as_bytes()))[..6];
        let arn = format!("arn:aws:secretsmanager:us-east-1:000000000000:secret:{name}-{suffix}");
        Ok(Some(Secret { tenant: tenant.to_owned(), name, arn, versions }))
    }

    fn version(&self, tenant: &str, stage: Stage) -> io::Result<Option<Version>> {
        let path = self.path.join(stage.file(tenant));
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let changed = fs::metadata(&path)?.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        // A secret is text. What isn't, is for the reader of the document to refuse, and only that document.
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok(Some(Version { id: Version::id_of(&text), text, changed, stages: vec![stage] }))
    }

    /// Writes a first current version; false if there is one.
    pub(super) fn create(&self, tenant: &str, text: &str) -> io::Result<bool> {
        match self.temporary(text)?.persist_noclobber(self.path.join(Stage::Current.file(tenant))) {
            Ok(_) => Ok(true),
            Err(failed) if failed.error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(failed) => Err(failed.error),
        }
    }

    /// Replaces a version, in one step: a reader sees the old text or the new one.
    pub(super) fn write(&self, tenant: &str, stage: Stage, text: &str) -> io::Result<()> {
        self.temporary(text)?.persist(self.path.join(stage.file(tenant)))?;
        Ok(())
    }

    /// A hidden file beside the others, which only its owner may read (`tempfile` creates with mode 0600).
    fn temporary(&self, text: &str) -> io::Result<tempfile::NamedTempFile> {
        let mut file = tempfile::Builder::new().prefix(".").suffix(".tmp").tempfile_in(&self.path)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        Ok(file)
    }

    /// Removes the pending version, if there is one.
    pub(super) fn remove_pending(&self, tenant: &str) -> io::Result<()> {
        absent_is_fine(fs::remove_file(self.path.join(Stage::Pending.file(tenant))))
    }

    /// Deletes a secret: for good, or by renaming its files to `….deleted`, from where an operator can take them back.
    pub(super) fn delete(&self, tenant: &str, for_good: bool) -> io::Result<()> {
        for stage in [Stage::Current, Stage::Pending] {
            let path = self.path.join(stage.file(tenant));
            let aside = self.path.join(stage.file(tenant) + ".deleted");
            absent_is_fine(if for_good { fs::remove_file(path) } else { fs::rename(path, aside) })?;
        }
        Ok(())
    }
}

fn absent_is_fine(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// `[a-z0-9][a-z0-9-]{0,39}`; anything else could not be a tenant, nor is it safe in a path.
fn is_tenant(name: &str) -> bool {
    (1..=40).contains(&name.len())
        && !name.starts_with('-')
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}
