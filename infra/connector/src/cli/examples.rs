//! What `--help` gives as examples, command by command. Words only.

pub(super) const ROOT: &str = "\
Examples:
  connector tenant check st-lukes.json
  connector audit employee st-lukes 0042317
  connector audit show st-lukes 74efmocyyirrc-zullv4cgzorbinin
  connector audit stuck st-lukes
  connector --format json audit list st-lukes --since 3d --state failed,undelivered

Exit codes: 0 done, 1 trouble found or declined, 2 usage or unreadable input.";

pub(super) const CHECK: &str = "\
Examples:
  connector tenant check st-lukes.json
  connector tenant check draft.json --tenant st-lukes
  vault read -field=document st-lukes | connector tenant check - --tenant st-lukes";

pub(super) const TENANT_LIST: &str = "\
Examples:
  connector tenant list
  connector --format json tenant list";

pub(super) const TENANT_SHOW: &str = "\
Examples:
  connector tenant show st-lukes";

pub(super) const PING: &str = "\
Examples:
  connector ping st-lukes
  CALLBACK_BASE_URL=https://example.org connector --format json ping st-lukes";

pub(super) const ADD: &str = "\
Examples:
  connector tenant add st-lukes st-lukes.json            in dry run
  connector tenant add st-lukes st-lukes.json --live     as the document says";

pub(super) const ROTATE: &str = "\
Examples:
  connector tenant rotate st-lukes st-lukes.json";

pub(super) const SHOW: &str = "\
Examples:
  connector audit show st-lukes 74efmocyyirrc-zullv4cgzorbinin
  connector audit show st-lukes 74efmocyyirrc-zullv4cgzorbinin --reveal";

pub(super) const EMPLOYEE: &str = "\
Examples:
  connector audit employee st-lukes 0042317
  connector --format json audit employee st-lukes 0042317";

pub(super) const LIST: &str = "\
Examples:
  connector audit list st-lukes --since 2h
  connector audit list st-lukes --since 2026-03-17T00:00:00Z --source payroll
  connector audit list st-lukes --state failed,undelivered --state unconfirmed
  connector audit list st-lukes --limit 500 --after 74efmocyyirrc-zullv4cgzorbinin";

pub(super) const STUCK: &str = "\
Examples:
  connector audit stuck st-lukes
  connector audit stuck st-lukes > /dev/null || page-somebody";

pub(super) const REPLAY: &str = "\
Examples:
  connector replay st-lukes 74efmocyyirrc-zullv4cgzorbinin --why 'the carrier was down'
  connector replay st-lukes 74efmocyyirrc-zullv4cgzorbinin --why 'asked for by HR' --by ada --yes";

pub(super) const CANCEL: &str = "\
Examples:
  connector cancel st-lukes 74efmocyyirrc-zullv4cgzorbinin --why 'wrong date in the text'";

pub(super) const RELEASE: &str = "\
Examples:
  connector audit list st-lukes --source payroll --state held
  connector release-held st-lukes payroll --why 'checked with payroll: a real off-cycle run'";

pub(super) const COMPLETIONS: &str = "\
Examples:
  source <(connector completions bash)
  connector completions zsh > ~/.zfunc/_connector
  connector completions fish > ~/.config/fish/completions/connector.fish";
