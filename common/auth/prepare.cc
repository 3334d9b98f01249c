// SASLprep, by the profile that ICU carries.
#include <unicode/usprep.h>
#include <unicode/ustring.h>

#include <algorithm>
#include <memory>

#include "common/auth/password.h"
#include "common/base/strings.h"

namespace waxwing::auth {

namespace {
const UStringPrepProfile* saslprep() {
  static const UStringPrepProfile* profile = [] {
    UErrorCode status = U_ZERO_ERROR;
    return usprep_openByType(USPREP_RFC4013_SASLPREP, &status);
  }();
  return profile;
}
}  // namespace

Result<std::string> prepare_password(std::string_view text) {
  const auto is_plain = [](char c) { return c >= ' ' && c < 0x7f; };
  if (std::ranges::all_of(text, is_plain)) return std::string(text);
  if (!is_utf8(text)) return permanent("a name or password is not valid UTF-8");
  if (saslprep() == nullptr) return bug("ICU has no SASLprep profile");
  UErrorCode status = U_ZERO_ERROR;
  std::u16string wide(text.size() + 1, u'\0');
  int32_t size = 0;
  u_strFromUTF8(wide.data(), static_cast<int32_t>(wide.size()), &size, text.data(),
                static_cast<int32_t>(text.size()), &status);
  // NFKC makes one character of the worst kind into 18.
  std::u16string prepared(static_cast<std::size_t>(size) * 18 + 1, u'\0');
  const int32_t made =
      usprep_prepare(saslprep(), wide.data(), size, prepared.data(), static_cast<int32_t>(prepared.size()),
                     USPREP_DEFAULT, nullptr, &status);
  if (U_FAILURE(status)) return permanent("a name or password holds a character that SASLprep forbids");
  std::string bytes(static_cast<std::size_t>(made) * 3 + 1, '\0');
  u_strToUTF8(bytes.data(), static_cast<int32_t>(bytes.size()), &size, prepared.data(), made, &status);
  if (U_FAILURE(status)) return permanent("a name or password cannot be written as UTF-8");
  bytes.resize(static_cast<std::size_t>(size));
  return bytes;
}

}  // namespace waxwing::auth
