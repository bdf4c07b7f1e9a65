/// Under what a peer is found: names are compared without regard to case, addresses by value.
enum PeerKey: Hashable, Sendable {
  case address(HostAddress)
  case name([UInt8])

  /// The key of `mon_name` as somebody wrote it: an address literal or a name, which may end in a dot.
  init(_ text: [UInt8]) {
    if let address = HostAddress(literal: text) {
      self = .address(address)
    } else {
      self = .name(folded(text.last == UInt8(ascii: ".") ? text.dropLast() : text[...]))
    }
  }
}

/// ASCII letters in lower case, as strcasecmp(3) sees them in statd.
func folded(_ text: some Sequence<UInt8>) -> [UInt8] {
  text.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }
}
