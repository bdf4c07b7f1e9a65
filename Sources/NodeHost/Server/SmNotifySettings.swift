/// What nfs.conf says to sm-notify.
public enum SmNotifySettings {
  /// A run that has nobody to tell ends the grace period: `lift-grace` under `[sm-notify]`, which is on unless it is
  /// switched off (sm-notify(8)).
  public static func liftsGrace(nfsConf: String = "/etc/nfs.conf", root: String = "") throws(NodeHostError)
    -> Bool
  {
    let value = try NFSConfiguration(path: nfsConf, root: root).value("lift-grace", in: "sm-notify")
    // As support/nfs/conffile.c reads it, conf_get_bool.
    return !["0", "f", "false", "n", "no", "off"].contains((value ?? "").lowercased())
  }
}
