//! Addresses on the web, as an operator writes them: checked before anything is sent there. Plain http
//! is for this machine and for private networks.

use url::{Host, Url};

/// An absolute address, without a slash at its end: something is appended to it.
pub fn base(text: &str) -> Result<String, String> {
    check(text).map(|()| text.trim_end_matches('/').to_owned())
}

/// The same, to the letter: it is called as it is.
pub fn address(text: &str) -> Result<String, String> {
    check(text).map(|()| text.to_owned())
}

/// What to write for a name with other letters than ASCII's.
pub const PUNYCODE: &str =
    "must be in ASCII: write an international name as its Punycode form, which begins with \"xn--\"";

fn check(text: &str) -> Result<(), String> {
    if !text.is_ascii() {
        return Err(PUNYCODE.to_owned());
    }
    let plain = |url: &Url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    };
    let Some(url) = Url::parse(text).ok().filter(plain) else {
        return Err("must be an https address without query, fragment or user".to_owned());
    };
    if url.scheme() == "https" || stays_near(&url) {
        Ok(())
    } else {
        Err("must begin with https: passwords, numbers and texts go there. Plain http is for this machine, and for addresses \
             of a private network, such as http://10.1.2.3"
            .to_owned())
    }
}

/// Whether what is sent there never leaves this machine or its private network.
fn stays_near(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback() || address.is_private(),
        Some(Host::Ipv6(address)) => address.is_loopback() || address.is_unique_local(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_over_a_public_network_is_encrypted() {
        let check = |text: &str, expect: bool| assert_eq!(base(text).is_ok(), expect, "{text}");
        check("https://hr.example.org:8443/PSIGW", true);
        check("http://127.0.0.1:8080", true);
        check("http://127.3.2.1", true);
        check("http://[::1]:8080/x", true);
        check("http://localhost:4566", true);
        check("http://s3.localhost:4566", true);
        check("http://hr.example.org", false);
        check("http://10.0.0.7:8000/PSIGW", true);
        check("http://192.168.1.2", true);
        check("http://[fd00::7]", true);
        check("http://93.184.216.34", false);
        check("http://localhost.example.org", false);
        check("http://notlocalhost", false);
        check("http://[::ffff:10.0.0.7]", false);
        check("ftp://127.0.0.1", false);
        check("https://user@hr.example.org", false);
        check("https://hr.example.org?x=1", false);
    }
}
