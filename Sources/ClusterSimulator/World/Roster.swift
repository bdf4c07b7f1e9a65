/// A handful of objects by their names: comparing names is quicker than hashing them, and the order is always the same.
struct Roster<Name: Equatable, Member: AnyObject> {
  private(set) var members: [(name: Name, member: Member)] = []

  /// `name` must be new.
  mutating func add(_ name: Name, _ member: Member) { members.append((name, member)) }

  subscript(name: Name) -> Member? {
    for (other, member) in members where other == name { return member }
    return nil
  }

  /// In the order in which they were added.
  var names: [Name] { members.map(\.name) }
}
