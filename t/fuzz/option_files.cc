// Files of name = value and of sections: dispatcher.cnf, job_controller.cnf, option.dat, aliases, *_option,
// return_text templates, access filters, and a published build. The first byte chooses.
#include <fmt/format.h>
#include <xxhash.h>

#include "common/auth/access.h"
#include "common/base/strings.h"
#include "dispatcher/settings.h"
#include "job_controller/controller_config.h"
#include "mta/config/alias_file.h"
#include "mta/config/build_file.h"
#include "mta/config/mta_options.h"
#include "mta/notify/templates.h"
#include "mta/transport/tcp_options.h"
#include "t/fuzz/fuzz.h"

using namespace waxwing;

namespace {

template <class R>
void says_why(const R& result) {
  if (!result) MUST(result.error().fault != Fault::bug && !result.error().text.empty());
}

std::optional<std::string> expand(std::string_view name) {
  if (name == "mta.smtp_port") return "25";
  return std::nullopt;
}

void option_dat(std::string_view text) {
  mta::SourceSet sources;
  sources.set_file("option.dat", std::string(text));
  std::vector<std::string> errors, warnings;
  mta::MtaOptions::parse(sources, "option.dat", errors, warnings);
}

void aliases(std::string_view text) {
  mta::SourceSet sources;
  sources.set_file("aliases", std::string(text));
  sources.set_file("more", "x: y@z\n");
  std::vector<std::string> errors, warnings;
  const auto file = mta::AliasFile::parse(sources, "aliases", errors, warnings);
  if (const auto* found = file.find("postmaster")) MUST(iequals(found->name, "postmaster"));
}

// With a checksum that fits, so that what stands behind it is looked at.
void build(std::string_view body) {
  says_why(mta::decode_build(body));
  const auto sum = fmt::format("{:016x}", XXH64(body.data(), body.size(), 0));
  const auto build = mta::decode_build("waxwing-mta-build 1 " + sum + " now\n" + std::string(body));
  says_why(build);
  if (!build) return;
  const auto again = mta::decode_build(mta::encode_build(build->sources, "now"));
  MUST(again && again->sources.files() == build->sources.files());
}

void filters(std::string_view text) {
  for (const char* address : {"192.0.2.1", "2001:db8::1", "", "127.0.0.1"})
    (void)auth::check_filters(
        text, {.service = auth::Service::imap, .address = address, .host_name = "a.example.com"});
}

void templates(std::string_view text) {
  const auto out =
      mta::notify::substitute(text, {.headers = "Subject: x\n", .recipients = "  a@b\n", .units_left = 3});
  for (std::size_t at = out.find('\n'); at != std::string::npos; at = out.find('\n', at + 1))
    MUST(at > 0 && out[at - 1] == '\r');
}

}  // namespace

FUZZ_TARGET(option_files) {
  fuzz::Input in(input);
  const auto choice = in.byte();
  const auto text = in.rest();
  switch (choice % 8) {
    case 0:
      return says_why(dispatcher::parse_settings(text, "dispatcher.cnf", expand));
    case 1:
      return says_why(job_controller::ControllerConfig::parse(text));
    case 2:
      return option_dat(text);
    case 3:
      return aliases(text);
    case 4:
      return build(text);
    case 5:
      return says_why(mta::parse_tcp_options(text, "tcp_local_option"));
    case 6:
      return filters(text);
    default:
      return templates(text);
  }
}
