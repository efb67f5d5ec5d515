//! Which addresses a webhook may be at: those of the public internet.
//!
//! Source: the IANA registries of special-purpose addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Tells whether an address is one of the public internet, and not of this host or its network.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = a == 0
        || a >= 240
        || address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        // Between carriers and their customers.
        || (a == 100 && (b & 0xc0) == 64)
        // Protocol assignments, relays of 6to4.
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        // Benchmarks.
        || (a == 198 && (b & 0xfe) == 18);
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let parts = address.segments();
    match parts {
        // NAT64 and 6to4 carry an IPv4 address, which is what is reached.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => is_public_v4(embedded(high, low)),
        [0x2002, high, low, ..] => is_public_v4(embedded(high, low)),
        // Protocol assignments, tunnels among them.
        [0x2001, second, ..] if second < 0x200 => false,
        // Documentation.
        [0x2001, 0xdb8, ..] => false,
        [0x3fff, second, ..] if second < 0x1000 => false,
        // The one block of public addresses; IPv4-mapped ones are outside of it.
        [first, ..] => (first & 0xe000) == 0x2000,
    }
}

fn embedded(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from((u32::from(high) << 16) | u32::from(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(want: bool, addresses: &[&str]) {
        for address in addresses {
            assert_eq!(is_public(address.parse().unwrap()), want, "{address}");
        }
    }

    #[test]
    fn public_addresses_may_be_called() {
        check(true, &["1.1.1.1", "8.8.8.8", "100.128.0.1", "172.32.0.1", "198.20.0.1"]);
        check(true, &["2606:4700::1111", "2a00:1450::1", "64:ff9b::808:808", "2002:808:808::1"]);
    }

    #[test]
    fn addresses_of_this_host_and_its_network_may_not() {
        check(false, &["127.0.0.1", "127.9.9.9", "0.0.0.0", "0.1.2.3"]);
        check(false, &["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1"]);
        check(false, &["169.254.169.254", "224.0.0.1", "239.1.1.1", "240.0.0.1"]);
        check(false, &["255.255.255.255", "192.0.0.8", "192.0.2.1", "198.18.0.1", "203.0.113.9"]);
        check(false, &["::", "::1", "fe80::1", "fc00::1", "fd12::1", "ff02::1", "::7f00:1"]);
        check(false, &["::ffff:127.0.0.1", "::ffff:8.8.8.8", "2001:db8::1", "2001::1", "3fff::1"]);
        check(false, &["64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::1", "64:ff9b:1::1"]);
    }
}
