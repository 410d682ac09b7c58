//! Whether all that the new objects refer to is there, and is what they take it for.
//!
//! Objects of the mirror need no look at what they refer to: everything in the mirror came through here or from the
//! upstream as a whole, so all that a mirror object reaches is in the mirror too. Gitlinks are never followed.

use super::check::{self, Cause, Report, Special};
use super::findings::{Findings, Found, Problems};
use super::index_file::Row;
use super::links::{Link, Links};
use super::{ObjectProblem, ReceiveError};
use crate::git::{ObjectStore, Objects, ReadError};
use crate::model::ObjectId;
use crate::receive::InternalFault;
use gix::objs::Kind;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Checks links and special blobs when every object has been seen. `rows` are all new objects, sorted by id; `open`
/// gives the store that holds them, and is asked only if one of them must be read again. `roots` gets those that no
/// other refers to, if nothing is wrong.
pub fn connect(
    findings: Findings,
    rows: &[Row],
    open: impl Fn() -> Result<ObjectStore, ReadError>,
    base: &ObjectStore,
    problems_max: usize,
    roots: &mut Vec<ObjectId>,
) -> Result<Problems, ReceiveError> {
    let Found { links, connected, special, mut problems } = findings.into_found();
    let broken_max = problems_max.saturating_sub(problems.list.len()).max(1);
    let broken = broken_links(links, &connected, rows, base, broken_max, roots)?;
    if !special.is_empty() || !broken.is_empty() {
        let new = open().map_err(InternalFault::from)?;
        let objects = Objects::new(Some(&new), base);
        let found = check_special(&special, &objects).map_err(InternalFault::from)?;
        let found = found.into_iter().chain(referrers(broken, rows, &objects).map_err(InternalFault::from)?);
        for problem in found {
            if problems.list.len() < problems_max {
                problems.list.push(problem);
            } else {
                problems.more += 1;
            }
        }
    }
    problems.list.sort_by_key(|problem| (problem.id, problem.cause));
    problems.list.dedup();
    Ok(problems)
}

/// A link and what is there in its place.
type Broken = BTreeMap<Link, Option<Kind>>;

fn broken_links(
    links: Links,
    connected: &HashSet<Link>,
    rows: &[Row],
    base: &ObjectStore,
    max: usize,
    roots: &mut Vec<ObjectId>,
) -> Result<Broken, ReceiveError> {
    let mut broken = Broken::new();
    let mut objects = None;
    let mut rest = rows;
    let mut referred_to = None;
    for link in links.into_sorted().flatten() {
        let start = rest.partition_point(|row| row.id < link.id);
        let (passed, ahead) = rest.split_at_checked(start).unwrap_or((rest, &[]));
        roots.extend(passed.iter().filter(|row| Some(row.id) != referred_to).map(|row| ObjectId::from(row.id)));
        (rest, referred_to) = (ahead, Some(link.id));
        let there = match rest.first() {
            Some(row) if row.id == link.id => Some(row.kind),
            _ if connected.contains(&link) => Some(link.kind),
            _ => {
                let objects = objects.get_or_insert_with(|| Objects::new(None, base));
                let header = objects.header(&ObjectId::from(link.id)).map_err(InternalFault::from)?;
                header.map(|(kind, _)| kind)
            }
        };
        if there != Some(link.kind) {
            broken.insert(link, there);
            if broken.len() >= max {
                break;
            }
        }
    }
    roots.extend(rest.iter().filter(|row| Some(row.id) != referred_to).map(|row| ObjectId::from(row.id)));
    Ok(broken)
}

/// Finds who refers to the broken links: a second look at the new objects, which only a refused push pays for.
fn referrers(mut broken: Broken, rows: &[Row], objects: &Objects) -> Result<Vec<ObjectProblem>, ReadError> {
    let mut problems = Vec::new();
    let mut buffer = Vec::new();
    for row in rows.iter().filter(|row| row.kind != Kind::Blob) {
        if broken.is_empty() {
            break;
        }
        let id = ObjectId::from(row.id);
        objects.read(&id, row.kind, &mut buffer)?;
        let mut found = Referred { broken: &mut broken, found: Vec::new() };
        check::check(row.kind, &buffer, &mut found);
        problems.extend(found.found.into_iter().map(|(link, there)| problem(id, row.kind, link, there)));
    }
    // A link without a referrer cannot be; if it is, it must not pass for connected.
    problems.extend(broken.into_iter().map(|(link, there)| problem(link.id.into(), link.kind, link, there)));
    Ok(problems)
}

fn problem(id: ObjectId, kind: Kind, link: Link, there: Option<Kind>) -> ObjectProblem {
    let missing = ObjectId::from(link.id);
    let (cause, detail) = match there {
        Some(there) => (Cause::WrongLinkKind, format!("{missing} is a {there}, not a {}", link.kind)),
        None if kind == Kind::Commit && link.kind == Kind::Commit => {
            let reason = "the push comes from a shallow clone whose history the server lacks";
            (Cause::ShallowParent, format!("parent {missing} is missing: {reason}; run git fetch --unshallow"))
        }
        None => (Cause::MissingLink, format!("{} {missing} is missing", link.kind)),
    };
    ObjectProblem { id, kind, cause, detail }
}

struct Referred<'a> {
    broken: &'a mut Broken,
    found: Vec<(Link, Option<Kind>)>,
}

impl Report for Referred<'_> {
    fn problem(&mut self, _cause: Cause, _detail: String) {}

    fn link(&mut self, id: [u8; 20], kind: Kind) {
        self.found.extend(self.broken.remove_entry(&Link { id, kind }));
    }

    fn special(&mut self, _id: [u8; 20], _special: Special) {}
}

/// Blobs that git reads itself, whether they are new or the mirror's: the name may be new.
fn check_special(special: &BTreeSet<([u8; 20], Special)>, objects: &Objects) -> Result<Vec<ObjectProblem>, ReadError> {
    let mut problems = Vec::new();
    let mut buffer = Vec::new();
    for (id, special) in special {
        let id = ObjectId::from(*id);
        let (missing, not_a_blob, large, size_max) = match special {
            Special::Gitmodules => {
                (Cause::GitmodulesMissing, Cause::GitmodulesBlob, Cause::GitmodulesLarge, check::GITMODULES_SIZE_MAX)
            }
            Special::Gitattributes => (
                Cause::GitattributesMissing,
                Cause::GitattributesBlob,
                Cause::GitattributesLarge,
                check::GITATTRIBUTES_SIZE_MAX,
            ),
        };
        let found = match objects.header(&id)? {
            None => vec![(missing, String::new())],
            Some((Kind::Blob, size)) if size > size_max => vec![(large, String::new())],
            Some((Kind::Blob, _)) => {
                objects.read(&id, Kind::Blob, &mut buffer)?;
                check_content(*special, &buffer)
            }
            Some(_) => vec![(not_a_blob, String::new())],
        };
        let problem = |(cause, detail)| ObjectProblem { id, kind: Kind::Blob, cause, detail };
        problems.extend(found.into_iter().map(problem));
    }
    Ok(problems)
}

fn check_content(special: Special, data: &[u8]) -> Vec<(Cause, String)> {
    match special {
        Special::Gitmodules => check::check_gitmodules(data),
        Special::Gitattributes => {
            check::check_gitattributes(data).err().map(|cause| (cause, String::new())).into_iter().collect()
        }
    }
}
