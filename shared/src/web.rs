//! Addresses on the web, as an operator writes them: checked before anything is sent there.

/// An absolute http or https address, without a slash at its end: something is appended to it.
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
    let fits = url::Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    });
    if fits { Ok(()) } else { Err("must be an http or https address without query, fragment or user".to_owned()) }
}
