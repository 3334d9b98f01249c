// Charsets and transfer encodings. The first line names a charset.
#include "common/mail/charset.h"

#include "common/base/strings.h"
#include "common/mail/modified_utf7.h"
#include "common/mail/transfer_coding.h"
#include "t/fuzz/fuzz.h"

using namespace waxwing;

FUZZ_TARGET(charset) {
  fuzz::Input in(input);
  const auto name = in.line().substr(0, 40);
  const auto bytes = in.rest();
  if (const auto text = mail::to_utf8(bytes, name)) MUST(is_utf8(*text));
  MUST(is_utf8(mail::to_utf8_or_guess(bytes, name)));
  const auto valid = mail::valid_utf8(bytes);
  MUST(is_utf8(valid) && (!is_utf8(bytes) || valid == bytes));
  const auto folded = mail::fold_for_search(valid);
  MUST(is_utf8(folded));

  if (const auto wire = mail::to_modified_utf7(bytes)) MUST(mail::from_modified_utf7(*wire) == bytes);
  if (const auto text = mail::from_modified_utf7(bytes)) MUST(mail::to_modified_utf7(*text) == bytes);

  MUST(mail::decode_base64(mail::encode_base64_lines(bytes)).bytes == bytes);
  MUST(mail::decode_base64(bytes, 100).bytes.size() <= 100);
  MUST(mail::decode_quoted_printable(bytes, 100).bytes.size() <= 100);
  mail::decode_quoted_printable(mail::encode_quoted_printable(bytes));
  if (const auto plain = from_base64(bytes)) MUST(from_base64(to_base64(*plain)) == *plain);
  MUST(from_hex(to_hex(bytes)) == bytes);
  MUST(mail::is_known_charset(name) || !mail::to_utf8(bytes, name));
}
