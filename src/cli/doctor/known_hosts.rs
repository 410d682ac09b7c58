//! Whether a host is pinned in a known_hosts file, in the clear or hashed.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use ssh_key::known_hosts::{Entry, HostPatterns, KnownHosts, Marker};

/// How many usable keys the file has for a host. ssh asks for `[host]:port` first if the port is not 22.
pub fn pinned_keys(text: &str, host: &str, port: Option<u16>) -> usize {
    let host = host.to_ascii_lowercase();
    let names = match port {
        None | Some(22) => vec![host],
        Some(port) => vec![format!("[{host}]:{port}"), host],
    };
    // A line that cannot be read pins nothing; ssh skips it too.
    let entries: Vec<Entry> = KnownHosts::new(text).filter_map(Result::ok).collect();
    let usable = |entry: &&Entry| entry.marker() != Some(&Marker::Revoked);
    let count =
        |name: &String| entries.iter().filter(usable).filter(|entry| covers(entry.host_patterns(), name)).count();
    names.iter().map(count).find(|count| *count > 0).unwrap_or(0)
}

fn covers(patterns: &HostPatterns, name: &str) -> bool {
    match patterns {
        HostPatterns::HashedName { salt, hash } => {
            let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(salt) else { return false };
            mac.update(name.as_bytes());
            mac.verify_slice(hash).is_ok()
        }
        HostPatterns::Patterns(patterns) => {
            let refused = patterns.iter().filter_map(|p| p.strip_prefix('!')).any(|p| matches(p, name));
            !refused && patterns.iter().filter(|p| !p.starts_with('!')).any(|p| matches(p, name))
        }
    }
}

/// `*` and `?` as ssh has them, in any case.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.to_ascii_lowercase().into_bytes(), name.as_bytes());
    let (mut p, mut n, mut star) = (0, 0, None);
    while let Some(byte) = name.get(n) {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if c == byte || *c == b'?' => (p, n) = (p + 1, n + 1),
            _ => match star {
                None => return false,
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    (p, n) = (at + 1, taken + 1);
                }
            },
        }
    }
    pattern.iter().skip(p).all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF8Z44hptjphdhXteZcG5ZzrYwMZCE0AKBR7LCY+Q4z6";

    #[test]
    fn finds_a_host_as_ssh_does() {
        // Made with `ssh-keygen -H` from `example.com` and `[example.com]:2200`.
        let hashed = "|1|kGAHn2cq96R29zw7wdnUAznG/JM=|xJgzz+ux8gVTEyLwiAiSbc9RVwE=";
        let hashed_port = "|1|/TjWMIlQ/ByydE3Koa3jmnm0DXU=|Pk4T1maof+YOAgFij4TTvaccboc=";
        let table = [
            ("example.com", "example.com", None, 1),
            ("example.com", "EXAMPLE.com", Some(22), 1),
            ("other.com,example.com", "example.com", None, 1),
            ("*.example.com", "git.example.com", None, 1),
            ("*.example.com,!git.example.com", "git.example.com", None, 0),
            ("exampl?.com", "example.com", None, 1),
            ("example.co", "example.com", None, 0),
            ("[example.com]:2200", "example.com", Some(2200), 1),
            ("[example.com]:2200", "example.com", None, 0),
            ("[example.com]:2200", "example.com", Some(2201), 0),
            ("example.com", "example.com", Some(2200), 1),
            ("@revoked example.com", "example.com", None, 0),
            ("@cert-authority *.com", "example.com", None, 1),
            (hashed, "example.com", None, 1),
            (hashed, "example.org", None, 0),
            (hashed_port, "example.com", Some(2200), 1),
        ];
        for (patterns, host, port, count) in table {
            let text = format!("# comment\nnot a line\n{patterns} {KEY}\n");
            assert_eq!(pinned_keys(&text, host, port), count, "{patterns} for {host} {port:?}");
        }
    }
}
