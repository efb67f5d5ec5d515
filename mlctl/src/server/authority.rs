//! Hosts and origins, read by the parser that browsers read them with.
//!
//! What is compared is the host that was parsed, never a part of the text that was cut out.

use std::net::IpAddr;
use url::{Host, Url};

/// A host and its port, as a `Host` header or the target of a request names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Authority {
    host: Host<String>,
    port: Option<u16>,
}

impl Authority {
    /// Reads `host` or `host:port`, where `scheme` tells the port that is left out.
    pub(super) fn parse(scheme: &str, text: &str) -> Option<Self> {
        // The parser would take these for another part of an address, decode or drop them.
        let is_plain = |byte: u8| byte.is_ascii_graphic() && !br"/\?#@%".contains(&byte);
        if !text.bytes().all(is_plain) {
            return None;
        }
        let url = Url::parse(&format!("{scheme}://{text}")).ok()?;
        let host = url.host()?.to_owned();
        Some(Self { host, port: url.port_or_known_default() })
    }

    /// Tells whether it is this machine under a name that no other machine has.
    pub(super) fn is_this_machine(&self) -> bool {
        match &self.host {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        }
    }

    /// Tells whether it is this machine, or an address of a private network.
    pub(super) fn is_private(&self) -> bool {
        let address = match self.host {
            Host::Domain(_) => return self.is_this_machine(),
            Host::Ipv4(address) => IpAddr::V4(address),
            Host::Ipv6(address) => IpAddr::V6(address),
        };
        match address {
            IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_unspecified(),
            IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local(),
        }
    }
}

/// Where a web page comes from.
#[derive(Clone, Debug)]
pub(super) struct Origin<'a> {
    scheme: &'a str,
    authority: Authority,
}

impl<'a> Origin<'a> {
    /// Reads an `Origin` header. `null` and what is malformed come from nowhere.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        if !scheme.bytes().all(is_scheme) {
            return None;
        }
        Some(Self { scheme, authority: Authority::parse(scheme, authority)? })
    }

    /// Tells whether it is a page of this machine.
    pub(super) fn is_local(&self) -> bool {
        // Other schemes give their hosts a meaning of their own.
        matches!(self.scheme, "http" | "https") && self.authority.is_this_machine()
    }

    /// Tells whether it is a page of the server that the request names in `host`.
    pub(super) fn is_at(&self, host: &str) -> bool {
        Authority::parse(self.scheme, host).is_some_and(|host| host == self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: Option<&str>) {
        let got = Authority::parse("http", text);
        let got = got.map(|it| format!("{} {}", it.host, it.port.unwrap_or_default()));
        assert_eq!(got.as_deref(), want, "for {text:?}");
    }

    #[test]
    fn an_authority_is_a_host_and_a_port_and_nothing_else() {
        check("localhost:5000", Some("localhost 5000"));
        check("LocalHost", Some("localhost 80"));
        check("127.0.0.1", Some("127.0.0.1 80"));
        check("[::1]:5000", Some("[::1] 5000"));
        let malformed = [
            "",
            ":5000",
            "[::1]evil.example",
            "[::1].evil.example",
            "[::1",
            "::1",
            "localhost:evil.example",
            "localhost:5000:80",
            "localhost:99999",
            "127.0.0.1:x@evil",
            "evil@127.0.0.1",
            "127.0.0.1/x",
            r"127.0.0.1\x",
            "127.0.0.1?x",
            "127.0.0.1#x",
            "local%68ost",
            "local host",
            "localhost\t",
            "lоcalhost",
        ];
        for text in malformed {
            check(text, None);
        }
    }

    #[test]
    fn only_pages_of_this_machine_are_local() {
        let is_local = |text| Origin::parse(text).is_some_and(|origin| origin.is_local());
        for text in ["http://localhost", "https://localhost:3000", "http://[::1]:1", "http://127.1"]
        {
            assert!(is_local(text), "{text}");
        }
        let elsewhere = [
            "http://[::1].evil.example",
            "http://[::1]evil.example",
            "http://localhost.evil.example",
            "http://localhost:evil.example",
            "http://localhost@evil.example",
            "http://evil.example/http://localhost",
            "http://evil.example#localhost",
            "chrome-extension://localhost",
            "x y://localhost",
            "null",
            "",
        ];
        for text in elsewhere {
            assert!(!is_local(text), "{text}");
        }
    }

    #[test]
    fn a_port_that_is_left_out_is_the_one_of_the_scheme() {
        let is_at = |origin, host| Origin::parse(origin).is_some_and(|origin| origin.is_at(host));
        assert!(is_at("http://10.0.0.7:80", "10.0.0.7"));
        assert!(is_at("https://ml.example.com", "ml.example.com"));
        assert!(is_at("https://ml.example.com", "ML.example.com:443"));
        assert!(!is_at("http://10.0.0.7:5000", "10.0.0.7"));
        assert!(!is_at("http://10.0.0.7", "10.0.0.8"));
        assert!(!is_at("http://[::1]x", "[::1]x"));
    }
}
