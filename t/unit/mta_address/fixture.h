// A small site: a configuration from texts and a directory from a table.
#pragma once

#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/strings.h"
#include "mta/address/context.h"

namespace waxwing::mta {

class FakeDirectory : public DirectoryView {
 public:
  bool down = false;
  std::map<std::string, std::shared_ptr<directory::Domain>> domains;
  std::map<std::string, std::shared_ptr<directory::User>> users;    // by every address
  std::map<std::string, std::shared_ptr<directory::Group>> groups;  // by every address
  std::map<std::string, directory::Entries> searches;
  int asked = 0;

  std::shared_ptr<directory::Domain> add_domain(const std::string& name) {
    auto domain = std::make_shared<directory::Domain>();
    domain->name = name;
    domain->dn = "o=" + name + ",o=isp";
    return domains[name] = domain;
  }

  // The first domain added is the default one.
  std::shared_ptr<directory::User> add_user(const std::string& uid, const std::string& mail,
                                            std::vector<std::string> alternates = {}) {
    auto user = std::make_shared<directory::User>();
    const auto domain = mail.substr(mail.find('@') + 1);
    user->uid = uid;
    user->dn = "uid=" + uid + ",o=" + domain + ",o=isp";
    user->mail = mail;
    user->domain = domains.at(domain);
    user->store_name = domain == "example.com" ? uid : uid + "@" + domain;
    user->delivery_options = {"mailbox"};
    user->alternate_addresses = alternates;
    users[to_lower(mail)] = user;
    for (const auto& other : alternates) users[to_lower(other)] = user;
    return user;
  }

  std::shared_ptr<directory::Group> add_group(const std::string& mail) {
    auto group = std::make_shared<directory::Group>();
    group->dn = "cn=" + mail.substr(0, mail.find('@')) + ",o=isp";
    group->mail = mail;
    group->domain = domains.at(mail.substr(mail.find('@') + 1));
    group->delivery_options = {"members"};
    return groups[to_lower(mail)] = group;
  }

  Result<directory::MatchRef> by_address(std::string_view address, Ask) override {
    ++asked;
    if (down) return temporary("down");
    auto match = std::make_shared<directory::Match>();
    const auto key = to_lower(address);
    const auto domain = domains.find(key.substr(key.find('@') + 1));
    if (domain != domains.end()) match->domain = domain->second;
    if (const auto user = users.find(key); user != users.end()) {
      match->user = user->second;
      match->matched_by =
          iequals(user->second->mail, key) ? directory::MatchedBy::mail : directory::MatchedBy::alternate;
      for (const auto& other : user->second->equivalent_addresses)
        if (iequals(other, key)) match->matched_by = directory::MatchedBy::equivalent;
    }
    if (const auto group = groups.find(key); group != groups.end()) match->group = group->second;
    return match;
  }

  Result<directory::MatchRef> by_dn(std::string_view dn, Ask) override {
    if (down) return temporary("down");
    auto match = std::make_shared<directory::Match>();
    for (const auto& [address, user] : users)
      if (user->dn == dn) match->user = user;
    for (const auto& [address, group] : groups)
      if (group->dn == dn) match->group = group;
    return match;
  }

  Result<directory::DomainRef> domain(std::string_view name, Ask) override {
    if (down) return temporary("down");
    const auto found = domains.find(to_lower(name));
    return found == domains.end() ? nullptr : found->second;
  }

  Result<directory::EntriesRef> search(std::string_view url, Ask) override {
    if (down) return temporary("down");
    return std::make_shared<directory::Entries>(searches[std::string(url)]);
  }

  Result<directory::EntriesRef> search_for(std::string_view url, std::string_view address, Ask ask) override {
    return search(replace_all(std::string(url), "$A", address), ask);
  }

  Result<std::string> search_addresses(std::string_view url) override {
    if (down) return temporary("down");
    std::string found;
    for (const auto& entry : searches[std::string(url)])
      if (entry.has("mail")) found.append(entry.first("mail")).append("\n");
    return found;
  }
};

inline const char* const kSiteCnf =
    "$* $A$E$F$U%$H$V$H@&/IMTA_HOST/\n"
    "&/IMTA_HOST/ $U%$D@&/IMTA_HOST/\n"
    "&/IMTA_DEFAULTDOMAIN/ $U%$D@&/IMTA_HOST/\n"
    "[] $E$R${INTERNAL_IP,$L}$U%[$L]@tcp_intranet-daemon\n"
    ". $U%$H@tcp-daemon\n\n"
    "defaults noswitchchannel defaulthost example.com submit.example\n\n"
    "l\n&/IMTA_HOST/\n\n"
    "ims-ms\nims-ms-daemon\n\n"
    "tcp_local smtp switchchannel saslswitchchannel tcp_auth\ntcp-daemon\n\n"
    "tcp_intranet smtp allowswitchchannel saslswitchchannel tcp_auth\ntcp_intranet-daemon\n\n"
    "tcp_auth smtp allowswitchchannel\ntcp_auth-daemon\n\n"
    "tcp_submit submit smtp\ntcp_submit-daemon\n\n"
    "tcp_closed smtp noswitchchannel\ntcp_closed-daemon\n\n"
    "process\nprocess-daemon\n\nhold\nhold-daemon\n\nbitbucket\nbitbucket-daemon\nbitbucket\n";
inline const char* const kSiteMappings =
    "PORT_ACCESS\n\n  TCP|*|*|192.0.2.66|*  $N421$ go$ away\n  *|*|*|*|*  $C$|INTERNAL_IP;$3|$Y$E\n  *  "
    "$YEXTERNAL\n\n"
    "INTERNAL_IP\n\n  $(10.0.0.0/8)  $Y\n  ${fd00::/8}  $Y\n  *  $N\n\n"
    "ORIG_SEND_ACCESS\n\n  tcp_local|*|tcp_*|*  $N$D30|Relaying$ not$ permitted\n";

struct Site {
  SourceSet sources;
  FakeDirectory directory;
  std::shared_ptr<const MtaConfig> config;

  explicit Site(std::string cnf = kSiteCnf, std::string mappings = kSiteMappings, std::string aliases = "",
                std::string options = "") {
    sources.set_file("imta.cnf", std::move(cnf));
    sources.set_file("mappings", std::move(mappings));
    sources.set_file("aliases", std::move(aliases));
    sources.set_file("option.dat", std::move(options));
    sources.set_symbol("IMTA_HOST", "mail.example.com");
    sources.set_symbol("IMTA_DEFAULTDOMAIN", "example.com");
    sources.set_symbol("IMTA_HOSTALIASES", "mx1.example.com");
    auto parsed = MtaConfig::parse(sources);
    if (!parsed) throw std::runtime_error(parsed.error().text);
    config = *parsed;
    directory.add_domain("example.com");
  }
  Lookup lookup() { return {*config, &directory, Ask::may_block, nullptr}; }
  const Channel* channel(const char* name) const { return config->channel(name); }
};

}  // namespace waxwing::mta
