import Glibc
import Testing

@testable import NodeHost

@Suite("Finding the status directory (M1)")
struct StatusDirectoryLocationTests {
  private let folder: TemporaryFolder
  private var root: String { folder.path }

  init() throws {
    self.folder = try TemporaryFolder()
    for path in ["/etc", "/etc/nfs.conf.d", "/usr", "/usr/etc", "/var", "/var/lib", "/var/lib/nfs", "/srv"] {
      try mustSucceed(mkdir(root + path, 0o755), path)
    }
  }

  private func discover(_ configured: String? = nil) throws -> String {
    let path = try StatusDirectoryLocation.discover(configured: configured, root: root)
    return configured == nil ? String(path.dropFirst(root.utf8.count)) : path
  }

  private func write(_ path: String, _ text: String) throws {
    try writeFile(root + path, text.utf8)
  }

  private func make(_ path: String) throws {
    try mustSucceed(mkdir(root + path, 0o755), path)
  }

  @Test("The node file goes first, and must be absolute")
  func configured() throws {
    try write("/etc/nfs.conf", "[statd]\nstate-directory-path = /srv/other\n")
    #expect(try discover("/srv/statd/") == "/srv/statd")
    #expect(throws: NodeHostError.self) { try discover("statd") }
  }

  @Test("Without any word the distribution's default with an sm/ is taken, Debian's where there is none")
  func defaults() throws {
    #expect(try discover() == "/var/lib/nfs")
    try make("/var/statmon")
    try make("/var/statmon/sm")
    #expect(try discover() == "/var/statmon")
    try make("/var/lib/nfs/sm")
    #expect(try discover() == "/var/lib/nfs")
    try make("/var/lib/nfs/statd")
    #expect(try discover() == "/var/lib/nfs")
    try make("/var/lib/nfs/statd/sm")
    #expect(try discover() == "/var/lib/nfs/statd")
  }

  @Test(
    "nfs.conf is read as nfs-utils reads it",
    arguments: [
      ("[statd]\nstate-directory-path=/srv/a\n", "/srv/a"),
      ("  [ StatD ] ignored\n\t State-Directory-PATH \t=\t /srv/a/ \t\r\n", "/srv/a"),
      ("[statd]\nstate-directory-path = \"/srv/with space\"\n", "/srv/with space"),
      ("[statd]\nstate-directory-path = '/srv/a' # later\n", "/srv/a"),
      ("[statd]\n# state-directory-path=/srv/a\n; state-directory-path=/srv/b\n", "/var/lib/nfs"),
      ("[mountd]\nstate-directory-path=/srv/a\n", "/var/lib/nfs"),
      ("state-directory-path=/srv/a\n", "/var/lib/nfs"),
      ("[statd]\nstate-directory-path=/srv/a\n[nfsd]\nx=1\n[statd]\nstate-directory-path=/srv/b", "/srv/b"),
      ("[statd]\nstate-directory-path=/srv/a\nstate-directory-path=\n", "/srv/a"),
      ("[statd\nstate-directory-path=/srv/a\n", "/var/lib/nfs"),
      ("[environment]\nWHERE=/srv/a\n[statd]\nstate-directory-path=$WHERE\n", "/srv/a"),
      ("[statd \"other\"]\nstate-directory-path=/srv/a\n", "/var/lib/nfs"),
      ("\u{0}\u{1}[statd]=\n=\n[]\n", "/var/lib/nfs"),
    ])
  func nfsConf(text: String, path: String) throws {
    try write("/etc/nfs.conf", text)
    #expect(try discover() == path)
  }

  @Test("Fragments come after nfs.conf, in order, and the vendor's file before it")
  func fragments() throws {
    try write("/usr/etc/nfs.conf", "[statd]\nstate-directory-path=/srv/vendor\n")
    #expect(try discover() == "/srv/vendor")
    try write("/etc/nfs.conf", "[statd]\nstate-directory-path=/srv/main\n")
    #expect(try discover() == "/srv/main")
    try write("/etc/nfs.conf.d/20.conf", "[statd]\nstate-directory-path=/srv/twenty\n")
    try write("/etc/nfs.conf.d/10.conf", "[statd]\nstate-directory-path=/srv/ten\n")
    try write("/etc/nfs.conf.d/30.conf.bak", "[statd]\nstate-directory-path=/srv/thirty\n")
    try write("/etc/nfs.conf.d/.40.conf", "[statd]\nstate-directory-path=/srv/forty\n")
    #expect(try discover() == "/srv/twenty")
  }

  @Test("An included file continues the section, and can't change the section of the file that includes it")
  func include() throws {
    try write(
      "/etc/nfs.conf",
      "[statd]\ninclude = local.conf\ninclude = -/etc/none.conf\ninclude=/etc/none.conf\nport=1\n[x]\n")
    try write(
      "/etc/local.conf", "state-directory-path = /srv/local\n[nfsd]\nstate-directory-path = /srv/wrong\n")
    #expect(try discover() == "/srv/local")
    #expect(try NFSConfiguration(path: "/etc/nfs.conf", root: root).value("port", in: "statd") == "1")
  }

  @Test("Files that include each other, a relative path and an nfs.conf that can't be read are errors")
  func bad() throws {
    try write("/etc/nfs.conf", "[statd]\nstate-directory-path = statd\n")
    let relative = #expect(throws: NodeHostError.self) { try discover() }
    #expect(relative?.message.contains("absolute") == true)
    try write("/etc/nfs.conf", "include = /etc/nfs.conf\n")
    #expect(throws: NodeHostError.self) { try discover() }
    try mustSucceed(unlink(root + "/etc/nfs.conf"), "unlink")
    try make("/etc/nfs.conf")
    let folder = #expect(throws: NodeHostError.self) { try discover() }
    #expect(folder?.message.contains("status_directory") == true)
  }
}
