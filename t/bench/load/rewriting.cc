// What rewriting an address costs, with an instance's configuration and its directory's cache warm. It speaks to
// no server: the library is called as smtpd calls it on its event loop (Ask::cache_only), on one core.
#include <fmt/format.h>
#include <time.h>

#include <stdexcept>
#include <vector>

#include "common/mail/address.h"
#include "mta/address/resolve.h"
#include "mta/address/rewrite.h"
#include "t/bench/load/workloads.h"
#include "tools/options/option_file.h"

namespace waxwing::bench {

namespace {

constexpr int kRemoteDomains = 1000;

template <class T>
T good(Result<T> outcome) {
  if (!outcome) throw std::runtime_error(outcome.error().text);
  return std::move(*outcome);
}

// Of this thread: what others do on the machine does not count.
double cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// So many rules more, exact hosts and whole domains in turn.
std::string more_rules(std::int64_t count) {
  std::string text;  // no blank line: it would end the rules
  for (std::int64_t i = 0; i < count; ++i)
    text +=
        fmt::format("{}host{}.rules.test  $U%gate{}.test@tcp-daemon\n", i % 2 == 0 ? "" : ".", i, i % 100);
  return text;
}

std::shared_ptr<const mta::MtaConfig> config_with(const std::string& root, std::int64_t rules) {
  auto sources = good(mta::read_sources(root));
  sources.set_file("local.rules", std::string(sources.text("local.rules")) + more_rules(rules));
  return good(mta::MtaConfig::parse(sources, root));
}

mta::RewriteRequest request_for(const std::string& address, const mta::Channel* source) {
  const auto spec = good(mail::parse_addr_spec(address));
  mta::RewriteRequest request;
  request.local = spec.local_part;
  request.domain = spec.domain;
  request.source = source;
  return request;
}

struct Kind {
  const char* name;
  std::vector<std::string> addresses;
};

std::vector<Kind> kinds_of(const Options& options, std::int64_t rules) {
  std::vector<Kind> kinds{{"local", {}}, {"remote", {}}, {"by_rule", {}}};
  for (std::int64_t i = 0; i < options.number("users"); ++i)
    kinds[0].addresses.push_back(with_number(options.text("user"), options.number("first") + i));
  for (int i = 0; i < kRemoteDomains; ++i)
    kinds[1].addresses.push_back(fmt::format("someone@mail.host{}.example{}.test", i, i % 7));
  for (std::int64_t i = 0; i < rules && i < kRemoteDomains; ++i) {
    const auto rule = i * (rules / kRemoteDomains + 1) % rules;
    kinds[2].addresses.push_back(
        fmt::format("someone@{}host{}.rules.test", rule % 2 == 0 ? "" : "mail.", rule));
  }
  return kinds;
}

// Addresses of a kind in turn, count of them; rate of one core.
template <class F>
double rate(const Kind& kind, std::int64_t count, F&& once) {
  if (kind.addresses.empty()) return 0;
  for (const auto& address : kind.addresses) once(address, mta::Ask::may_block);
  const auto begun = cpu_seconds();
  for (std::int64_t n = 0; n < count; ++n)
    once(kind.addresses[static_cast<std::size_t>(n) % kind.addresses.size()], mta::Ask::cache_only);
  return static_cast<double>(count) / (cpu_seconds() - begun);
}

}  // namespace

void rewriting(const Options& options) {
  const auto root = options.text("root");
  if (root.empty()) throw std::runtime_error("this workload reads the configuration of root=");
  const auto rules = options.number("rules");
  const auto count = options.number("count") > 0 ? options.number("count") : 200'000;
  const auto config = config_with(root, rules);
  const auto settings = good(load_for_tool(root, "load", {"directory."}));
  const auto directory = mta::view_of(good(directory::Directory::open(*settings)));
  const auto* source = config->channel("tcp_intranet");
  std::string figures;
  for (const auto& kind : kinds_of(options, rules)) {
    const auto rewrites = rate(kind, count, [&](const std::string& address, mta::Ask ask) {
      const mta::Lookup lookup{*config, directory.get(), ask, nullptr};
      if (!good(mta::rewrite(lookup, request_for(address, source))))
        throw std::runtime_error(address + " is refused");
    });
    const auto resolved = rate(kind, count / 4, [&](const std::string& address, mta::Ask ask) {
      const mta::Lookup lookup{*config, directory.get(), ask, nullptr};
      if (!good(mta::resolve_recipient(lookup, {address, source})))
        throw std::runtime_error(address + " is refused");
    });
    figures += fmt::format(R"(,"{0}_rewritten_per_s":{1:.0f},"{0}_resolved_per_s":{2:.0f})", kind.name,
                           rewrites, resolved);
  }
  fmt::print(R"({{"figure":"{}","rules":{}{}}})"
             "\n",
             options.text("figure"), config->rules().size(), figures);
}

}  // namespace waxwing::bench
