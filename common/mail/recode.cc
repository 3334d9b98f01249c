// From charset to charset, where nothing may be lost. Converters of its own: those of charset.cc put U+FFFD in the
// place of what they cannot read.
#include <iconv.h>
#include <unicode/ucnv.h>

#include <array>
#include <cerrno>
#include <memory>

#include "common/base/strings.h"
#include "common/mail/charset.h"

namespace waxwing::mail {

namespace {

using Recoded = std::expected<std::string, RecodeTrouble>;
using IcuConverter = std::unique_ptr<UConverter, decltype(&ucnv_close)>;
constexpr std::size_t kPieceBytes = 4096;

// One that stops where it would have to guess; null: ICU does not know the charset.
IcuConverter open_strict(const std::string& charset) {
  UErrorCode status = U_ZERO_ERROR;
  IcuConverter converter(ucnv_open(charset.c_str(), &status), &ucnv_close);
  if (U_FAILURE(status)) return {nullptr, &ucnv_close};
  ucnv_setToUCallBack(converter.get(), UCNV_TO_U_CALLBACK_STOP, nullptr, nullptr, nullptr, &status);
  ucnv_setFromUCallBack(converter.get(), UCNV_FROM_U_CALLBACK_STOP, nullptr, nullptr, nullptr, &status);
  if (U_FAILURE(status)) return {nullptr, &ucnv_close};
  return converter;
}

// A pair that a message asks for again and again is opened once; a hostile one may not fill the memory.
struct Pair {
  IcuConverter from{nullptr, &ucnv_close}, to{nullptr, &ucnv_close};
  std::string from_name, to_name;
};
Pair& pair_for(const std::string& from, const std::string& to) {
  thread_local Pair kept;
  if (kept.from_name != from || kept.to_name != to) kept = Pair{open_strict(from), open_strict(to), from, to};
  return kept;
}

Recoded by_icu(Pair& pair, std::string_view bytes, std::size_t max_bytes) {
  std::array<UChar, kPieceBytes> pivot{};
  UChar* pivot_from = pivot.data();
  UChar* pivot_to = pivot.data();
  const char* from = bytes.data();
  std::string out;
  for (bool reset = true;; reset = false) {
    std::array<char, kPieceBytes> piece{};
    char* to = piece.data();
    UErrorCode status = U_ZERO_ERROR;
    ucnv_convertEx(pair.to.get(), pair.from.get(), &to, piece.data() + piece.size(), &from,
                   bytes.data() + bytes.size(), pivot.data(), &pivot_from, &pivot_to,
                   pivot.data() + pivot.size(), reset, 1, &status);
    out.append(piece.data(), static_cast<std::size_t>(to - piece.data()));
    if (out.size() > max_bytes) return std::unexpected(RecodeTrouble::too_large);
    if (status == U_BUFFER_OVERFLOW_ERROR) continue;
    if (U_SUCCESS(status)) return out;
    return std::unexpected(status == U_INVALID_CHAR_FOUND ? RecodeTrouble::no_such_character
                                                          : RecodeTrouble::wrong_bytes);
  }
}

struct IconvCloser {
  iconv_t converter;
  ~IconvCloser() { iconv_close(converter); }
};

Recoded by_iconv(std::string_view bytes, const std::string& from_name, const std::string& to_name,
                 std::size_t max_bytes) {
  const auto converter = iconv_open(to_name.c_str(), from_name.c_str());
  if (converter == reinterpret_cast<iconv_t>(-1)) return std::unexpected(RecodeTrouble::unknown_charset);
  const IconvCloser closer{converter};
  std::string out;
  char* from = const_cast<char*>(bytes.data());
  std::size_t left = bytes.size();
  for (bool last = false;;) {
    std::array<char, kPieceBytes> piece{};
    char* to = piece.data();
    std::size_t room = piece.size();
    const auto result = iconv(converter, last ? nullptr : &from, last ? nullptr : &left, &to, &room);
    const bool failed = result == static_cast<std::size_t>(-1) && errno != E2BIG;
    // What had no counterpart and was replaced is counted.
    const bool lossy = result != static_cast<std::size_t>(-1) && result > 0;
    if (lossy) return std::unexpected(RecodeTrouble::no_such_character);
    if (failed) return std::unexpected(RecodeTrouble::wrong_bytes);
    out.append(piece.data(), static_cast<std::size_t>(to - piece.data()));
    if (out.size() > max_bytes) return std::unexpected(RecodeTrouble::too_large);
    if (last && result != static_cast<std::size_t>(-1)) return out;
    last = last || (left == 0 && result != static_cast<std::size_t>(-1));
  }
}

}  // namespace

std::string_view text_of(RecodeTrouble trouble) {
  switch (trouble) {
    case RecodeTrouble::unknown_charset:
      return "one of the charsets is not known";
    case RecodeTrouble::wrong_bytes:
      return "its bytes are not of its charset";
    case RecodeTrouble::no_such_character:
      return "it has characters that the other charset lacks";
    case RecodeTrouble::too_large:
      break;
  }
  return "it would become too large";
}

Recoded recode(std::string_view bytes, std::string_view from, std::string_view to, std::size_t max_bytes) {
  // Also sees to it that nothing but a name gets to ICU and iconv, where more can be asked for in one.
  if (!is_known_charset(from) || !is_known_charset(to))
    return std::unexpected(RecodeTrouble::unknown_charset);
  const auto from_name = to_lower(from), to_name = to_lower(to);
  auto& pair = pair_for(from_name, to_name);
  if (pair.from && pair.to) return by_icu(pair, bytes, max_bytes);
  return by_iconv(bytes, from_name, to_name, max_bytes);
}

}  // namespace waxwing::mail
