//! The client's address, also behind proxies that the app declares.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use http::HeaderMap;

/// How many addresses of a forwarding header are looked at, from its end.
const HOPS_MAX: usize = 32;

/// The proxies whose word about the client's address is taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proxies(Vec<Block>);

impl Proxies {
    pub(crate) fn new(blocks: Vec<Block>) -> Self {
        Self(blocks)
    }

    /// Who the client is: the peer, or the last address before the declared proxies in
    /// `x-forwarded-for`.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.trusts(client) {
            return client;
        }
        let values = headers.get_all("x-forwarded-for").iter();
        let values: Vec<_> = values.filter_map(|value| value.to_str().ok()).collect();
        let hops = values.iter().rev().flat_map(|value| value.rsplit(','));
        for hop in hops.take(HOPS_MAX) {
            // What a proxy wrote that is no address ends what can be trusted.
            let Ok(hop) = hop.trim().parse::<IpAddr>() else {
                return client;
            };
            client = hop.to_canonical();
            if !self.trusts(client) {
                return client;
            }
        }
        client
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|block| block.contains(address))
    }
}

/// A block of addresses, such as `10.0.0.0/8`; a bare address is a block of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    base: IpAddr,
    bits: u32,
}

impl Block {
    fn contains(self, address: IpAddr) -> bool {
        match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                let shift = 32 - self.bits;
                let differ = base.to_bits() ^ address.to_bits();
                differ.checked_shr(shift).unwrap_or(0) == 0
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                let shift = 128 - self.bits;
                let differ = base.to_bits() ^ address.to_bits();
                differ.checked_shr(shift).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl FromStr for Block {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let base: IpAddr = address.parse().map_err(|_| "it is no address")?;
        let width = if base.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) => bits.parse().map_err(|_| "its length is no number")?,
            None => width,
        };
        match bits <= width {
            true => Ok(Self { base, bits }),
            false => Err("its length is too large"),
        }
    }
}

/// The address that stands for a client in limits: whoever has one IPv6 address has the whole /64.
pub(crate) fn for_limits(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded: &[&str]) -> String {
        let blocks = ["10.0.0.0/8", "fd00::/8"].map(|block| block.parse().unwrap());
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        let proxies = Proxies::new(blocks.to_vec());
        proxies.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn only_declared_proxies_are_believed() {
        assert_eq!(client("192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(client("10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(client("::ffff:10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(client("fd00::1", &["2001:db8::7"]), "2001:db8::7");
    }

    #[test]
    fn a_client_cannot_write_its_own_address() {
        assert_eq!(
            client("10.0.0.1", &["203.0.113.9, 198.51.100.7"]),
            "198.51.100.7"
        );
        assert_eq!(
            client("10.0.0.1", &["203.0.113.9", "198.51.100.7, 10.2.3.4"]),
            "198.51.100.7"
        );
        assert_eq!(client("10.0.0.1", &["203.0.113.9, unknown"]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn blocks_are_read_strictly() {
        assert!("10.0.0.0/33".parse::<Block>().is_err());
        assert!("ten/8".parse::<Block>().is_err());
        assert!("10.0.0.0/".parse::<Block>().is_err());
        let all: Block = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains("192.0.2.1".parse().unwrap()));
        let one: Block = "192.0.2.1".parse().unwrap();
        assert!(!one.contains("192.0.2.2".parse().unwrap()));
    }

    #[test]
    fn one_ipv6_network_is_one_client() {
        let of = |text: &str| for_limits(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
    }
}
