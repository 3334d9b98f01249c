#include "common/mail/idn.h"

#include <unicode/bytestream.h>
#include <unicode/idna.h>

#include <memory>

#include "common/mail/address.h"

namespace waxwing::mail {

namespace {
constexpr std::size_t kMostBytes = 1024;  // more than any name that DNS takes, whatever its script

// Made once and never changed: ICU lets all threads use it.
const icu::IDNA* rules() {
  static const auto made = [] {
    UErrorCode status = U_ZERO_ERROR;
    constexpr auto kOptions = UIDNA_USE_STD3_RULES | UIDNA_CHECK_BIDI | UIDNA_CHECK_CONTEXTJ |
                              UIDNA_CHECK_CONTEXTO | UIDNA_NONTRANSITIONAL_TO_ASCII;
    std::unique_ptr<icu::IDNA> idna(icu::IDNA::createUTS46Instance(kOptions, status));
    return U_SUCCESS(status) ? std::move(idna) : nullptr;
  }();
  return made.get();
}
}  // namespace

std::optional<std::string> to_a_labels(std::string_view domain) {
  if (is_ascii(domain) || domain.starts_with('[')) return std::string(domain);
  if (!rules() || domain.size() > kMostBytes) return std::nullopt;
  UErrorCode status = U_ZERO_ERROR;
  icu::IDNAInfo info;
  std::string result;
  icu::StringByteSink<std::string> sink(&result);
  rules()->nameToASCII_UTF8({domain.data(), static_cast<int32_t>(domain.size())}, sink, info, status);
  if (U_FAILURE(status) || info.hasErrors() || result.empty()) return std::nullopt;
  if (result.ends_with('.'))
    return std::nullopt;  // as of a name in ASCII: the root has no place in an address
  return result;
}

std::string with_a_labels(std::string_view address) {
  const auto at = address.rfind('@');
  if (at == address.npos) return std::string(address);
  const auto name = to_a_labels(address.substr(at + 1));
  return name ? std::string(address.substr(0, at + 1)) + *name : std::string(address);
}

}  // namespace waxwing::mail
