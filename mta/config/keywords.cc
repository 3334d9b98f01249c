#include "mta/config/keywords.h"

#include <array>
#include <unordered_map>

#include "common/base/strings.h"

namespace waxwing::mta {
namespace {

using enum KeywordArgs;
using enum KeywordState;
constexpr bool usual = true;
constexpr bool off = false;

constexpr KeywordSpec kTable[] = {
#define KEYWORD(id, name, group, arguments, state, fallback, help) \
  {Kw::id, name, group, arguments, state, fallback, help},
#include "mta/config/keywords.inc"
#undef KEYWORD
};

struct Meaning {
  Kw keyword;
  std::array<Kw, 2> means;
  std::size_t count;
};

// Words that stand for others. lmtp and smtp are names of their strict forms.
constexpr Meaning kMeanings[] = {
    {Kw::sourceroute, {Kw::k822}, 1},
    {Kw::percents, {Kw::k733}, 1},
    {Kw::bangstyle, {Kw::uucp}, 1},
    {Kw::smtp, {Kw::smtp_crlf}, 1},
    {Kw::lmtp, {Kw::lmtp_crlf}, 1},
    {Kw::lmtp_crorlf, {Kw::lmtp_crlf}, 1},
    {Kw::lmtp_cr, {Kw::lmtp_crlf}, 1},
    {Kw::lmtp_lf, {Kw::lmtp_crlf}, 1},
    {Kw::defaultmx, {Kw::mx}, 1},
    {Kw::randommx, {Kw::mx}, 1},
    {Kw::loopback, {Kw::noloopcheck}, 1},
    {Kw::channelfilter, {Kw::destinationfilter}, 1},
    {Kw::ssrfilter, {Kw::filter}, 1},
    {Kw::maytls, {Kw::maytlsclient, Kw::maytlsserver}, 2},
    {Kw::musttls, {Kw::musttlsclient, Kw::musttlsserver}, 2},
    {Kw::notls, {Kw::notlsclient, Kw::notlsserver}, 2},
    {Kw::maysasl, {Kw::maysaslclient, Kw::maysaslserver}, 2},
    {Kw::mustsasl, {Kw::mustsaslclient, Kw::mustsaslserver}, 2},
    {Kw::nosasl, {Kw::nosaslclient, Kw::nosaslserver}, 2},
};

using ByName = std::unordered_map<std::string, const KeywordSpec*, CaseBlindHash, CaseBlindEqual>;

const ByName& by_name() {
  static const ByName map = [] {
    ByName result;
    for (const auto& spec : kTable) result.emplace(std::string(spec.name), &spec);
    return result;
  }();
  return map;
}

}  // namespace

std::span<const KeywordSpec> keyword_table() {
  return kTable;
}

const KeywordSpec& keyword_spec(Kw id) {
  return kTable[static_cast<std::size_t>(id)];
}

const KeywordSpec* find_keyword(std::string_view name) {
  const auto found = by_name().find(name);
  return found == by_name().end() ? nullptr : found->second;
}

std::span<const Kw> keyword_means(Kw id) {
  for (const auto& meaning : kMeanings)
    if (meaning.keyword == id) return {meaning.means.data(), meaning.count};
  return {};
}

std::string_view args_text(KeywordArgs args) {
  switch (args) {
    case none:
      return "";
    case word:
      return "word";
    case number:
      return "number";
    case one_or_two:
      return "word [word]";
    case words:
      return "word ...";
    case numbers:
      return "number ...";
    case durations:
      return "duration ...";
  }
  return "";
}

}  // namespace waxwing::mta
