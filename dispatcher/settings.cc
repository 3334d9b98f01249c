#include "dispatcher/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "common/base/strings.h"

namespace waxwing::dispatcher {

namespace {

constexpr std::int64_t kMaxValue = 1'000'000'000;

// Decimal, or base%digits ("16%ff", "8%17") as the MTA's option files write numbers.
std::optional<std::int64_t> radix_number(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  int base = 10;
  if (const auto percent = text.find('%'); percent != std::string_view::npos) {
    const auto given = to_number<int>(text.substr(0, percent));
    if (!given || *given < 2 || *given > 36) return std::nullopt;
    base = *given;
    text.remove_prefix(percent + 1);
  }
  const auto value = text.starts_with('-') ? std::nullopt : to_number<std::int64_t>(text, base);
  if (!value || *value > kMaxValue) return std::nullopt;
  return negative ? -*value : *value;
}

struct NumberOption {
  std::string_view name;
  std::int64_t lowest;
  void (*set)(ServiceSettings&, std::int64_t);
};
// A member set from a number of its own width.
template <auto Member>
void set_number(ServiceSettings& service, std::int64_t value) {
  service.*Member = static_cast<std::remove_reference_t<decltype(service.*Member)>>(value);
}
const NumberOption kNumbers[] = {
    {"BACKLOG", 0, set_number<&ServiceSettings::backlog>},
    {"ENABLE_RBL", 0, set_number<&ServiceSettings::enable_rbl>},
    {"MAX_CLIENT_CONNS", 0, set_number<&ServiceSettings::max_client_conns>},
    {"MAX_CONNS", 1, set_number<&ServiceSettings::max_conns>},
    {"MAX_IDLE_TIME", 0, set_number<&ServiceSettings::max_idle_time_s>},
    {"MAX_HANDOFFS", 1, set_number<&ServiceSettings::max_life_conns>},  // older name
    {"MAX_LIFE_CONNS", 1, set_number<&ServiceSettings::max_life_conns>},
    {"MAX_LIFE_TIME", 1, set_number<&ServiceSettings::max_life_time_s>},
    {"MAX_PROCS", 1, set_number<&ServiceSettings::max_procs>},
    {"MAX_SHUTDOWN", 1, set_number<&ServiceSettings::max_shutdown>},
    {"MIN_CONNS", 1, set_number<&ServiceSettings::min_conns>},
    {"MIN_PROCS", 0, set_number<&ServiceSettings::min_procs>},
};
// Taken for old files' sake: they name things that threads and processes of other systems needed, or that
// another place decides here. The manual page says so for each.
constexpr std::string_view kIgnored[] = {"DEBUG",   "GROUP",     "HISTORICAL_TIME", "IDENT",
                                         "LOGFILE", "STACKSIZE", "TLS_CERTIFICATE", "USER"};

// IMAGE=IMTA_BIN:tcp_smtp_server is how older files name the server.
constexpr std::pair<std::string_view, std::string_view> kOldImages[] = {{"tcp_smtp_server", "smtpd"},
                                                                        {"tcp_lmtp_server", "lmtpd"}};

std::string image_of(std::string_view value) {
  for (const std::string_view prefix : {"IMTA_BIN:", "IMTA_EXE:", "IMTA_LIB:"})
    if (istarts_with(value, prefix)) value.remove_prefix(prefix.size());
  for (const auto& [old_name, name] : kOldImages)
    if (value == old_name) value = name;
  return std::string(value);
}

class Parser {
 public:
  Parser(const std::string& origin, const Expand& expand) : origin_(origin), expand_(expand) {}

  Result<Settings> parse(std::string_view text) {
    while (!text.empty()) {
      ++line_;
      TRY_VOID(line(trim(take_until(text, '\n'))));
    }
    TRY_VOID(check());
    return std::move(settings_);
  }

 private:
  std::unexpected<Error> wrong(const std::string& what) const {
    return permanent(fmt::format("{}:{}: {}", origin_, line_, what));
  }

  Result<> line(std::string_view text) {
    if (text.empty() || text.front() == '!' || text.front() == '#') return {};
    if (text.front() == '[') return section(text);
    const auto equals = text.find('=');
    if (equals == std::string_view::npos)
      return wrong("OPTION=value or [SERVICE=name] expected, found \"" + printable(text, 80) + "\"");
    TRY(auto value, expanded(trim(text.substr(equals + 1))));
    return option(to_upper(trim(text.substr(0, equals))), value);
  }

  Result<> section(std::string_view text) {
    if (!istarts_with(text, "[SERVICE=") || text.back() != ']')
      return wrong("section \"" + printable(text, 80) + "\" is not known; only [SERVICE=name] is");
    const std::string name = to_upper(text.substr(9, text.size() - 10));
    const bool good =
        !name.empty() && std::ranges::all_of(name, [](char c) { return is_alnum(c) || c == '_'; });
    if (!good) return wrong("a service name has letters, digits and _");
    for (const auto& service : settings_.services)
      if (service.name == name) return wrong("service " + name + " stands here twice");
    settings_.services.push_back(defaults_);
    settings_.services.back().name = name;
    in_section_ = true;
    return {};
  }

  Result<std::string> expanded(std::string_view value) const {
    std::string out;
    while (!value.empty()) {
      const auto dollar = value.find('$');
      out.append(value.substr(0, dollar));
      if (dollar == std::string_view::npos) break;
      value.remove_prefix(dollar + 1);
      const auto end =
          std::ranges::find_if(value, [](char c) { return !is_alnum(c) && c != '.' && c != '_'; }) -
          value.begin();
      const auto name = value.substr(0, static_cast<std::size_t>(end));
      auto found = expand_ ? expand_(name) : std::nullopt;
      if (!found) return wrong(fmt::format("${} names no option of msg.conf", printable(name, 60)));
      out.append(*found);
      value.remove_prefix(name.size());
    }
    return out;
  }

  Result<> option(const std::string& name, const std::string& value) {
    ServiceSettings& target = in_section_ ? settings_.services.back() : defaults_;
    for (const auto& number : kNumbers) {
      if (number.name != name) continue;
      const auto parsed = radix_number(value);
      if (!parsed || *parsed < number.lowest)
        return wrong(fmt::format("{} takes a number from {}, found \"{}\"", name, number.lowest,
                                 printable(value, 40)));
      number.set(target, *parsed);
      return {};
    }
    if (name == "PORT") return ports(value, target.ports);
    if (name == "TLS_PORT") return ports(value, target.tls_ports);
    if (name == "INTERFACE_ADDRESS") return addresses(value, target);
    if (name == "IMAGE") return target.image = image_of(value), Result<>();
    if (name == "PARAMETER") return target.parameters.push_back(value), Result<>();
    if (name == "DNS_VERIFY_DOMAIN") return block_list(value, target);
    if (std::ranges::find(kIgnored, name) != std::end(kIgnored)) {
      settings_.notes.push_back(
          fmt::format("{}:{}: {} has no effect here, see dispatcher.cnf(5)", origin_, line_, name));
      return {};
    }
    return wrong("option " + printable(name, 40) + " is not known; see dispatcher.cnf(5)");
  }

  // Port 0 turns one off: a template can take its ports from msg.conf.
  Result<> ports(const std::string& value, std::vector<int>& into) const {
    into.clear();
    for (const auto word : split(value, ',')) {
      const auto port = radix_number(trim(word));
      if (!port || *port < 0 || *port > 65535)
        return wrong("ports are numbers up to 65535, found \"" + printable(word, 40) + "\"");
      if (*port) into.push_back(static_cast<int>(*port));
    }
    return {};
  }

  Result<> block_list(const std::string& value, ServiceSettings& target) const {
    const bool good = !value.empty() && value.size() <= 180 && value.front() != '.' &&
                      std::ranges::all_of(value, [](char c) { return is_alnum(c) || c == '.' || c == '-'; });
    if (!good) return wrong("DNS_VERIFY_DOMAIN takes a zone, such as list.example.org");
    target.block_lists.push_back(value);
    return {};
  }

  Result<> addresses(const std::string& value, ServiceSettings& target) const {
    target.addresses.clear();
    for (const auto word : split(value, ','))
      if (const auto address = trim(word);
          !address.empty() && address != "*" && !iequals(address, "INADDR_ANY"))
        target.addresses.emplace_back(address);
    return {};
  }

  // The list that ENABLE_RBL alone once meant is gone: its zone listed everybody in the end.
  void choose_block_lists(ServiceSettings& service) {
    if (service.enable_rbl == 0) service.block_lists.clear();
    if (service.enable_rbl == 1 && service.block_lists.empty())
      settings_.notes.push_back(fmt::format(
          "{}: service {}: ENABLE_RBL asks no list; name one with DNS_VERIFY_DOMAIN, see dispatcher.cnf(5)",
          origin_, service.name));
  }

  Result<> check() {
    std::map<int, std::string> owners;
    for (auto& service : settings_.services) {
      choose_block_lists(service);
      const auto complain = [&](const std::string& what) {
        return permanent(fmt::format("{}: service {}: {}", origin_, service.name, what));
      };
      if (service.image.empty()) return complain("IMAGE= is missing: the program that serves it");
      if (service.min_procs > service.max_procs) return complain("MIN_PROCS is greater than MAX_PROCS");
      if (service.min_conns > service.max_conns) return complain("MIN_CONNS is greater than MAX_CONNS");
      for (const auto* list : {&service.ports, &service.tls_ports})
        for (const int port : *list)
          if (const auto [at, fresh] = owners.emplace(port, service.name);
              !fresh && service.addresses.empty())
            return complain(fmt::format("port {} is already taken by service {}", port, at->second));
    }
    return {};
  }

  const std::string& origin_;
  const Expand& expand_;
  std::size_t line_ = 0;
  bool in_section_ = false;
  ServiceSettings defaults_;
  Settings settings_;
};

}  // namespace

int ServiceSettings::listen_backlog() const {
  return backlog ? std::max(backlog, 5) : std::clamp(max_conns * max_procs, 5, 4096);
}

Result<Settings> parse_settings(std::string_view text, const std::string& origin, const Expand& expand) {
  return Parser(origin, expand).parse(text);
}

Expand options_of(const Config& config) {
  return [&config](std::string_view name) -> std::optional<std::string> {
    if (!find_option(name)) return std::nullopt;
    return config.text(name);
  };
}

}  // namespace waxwing::dispatcher
