// interpretmultipartencoding, interpretmessageencoding, inner, innertrim.
#include "common/mail/transfer_coding.h"
#include "mta/form/body_form.h"
#include "mta/form/edits.h"
#include "mta/form/header_form.h"

namespace waxwing::mta::form {

// RFC 2045 §6.4 forbids an encoding of a container, and so its parts are not seen. Here it is taken off.
std::string decode_containers(std::string_view message, bool multiparts, bool messages,
                              const mail::MimeLimits& limits) {
  const auto mime = mail::parse_mime(message, limits);
  Edits edits(message);
  for (const auto& part : mime.parts) {
    const bool wanted =
        (multiparts && part.is("multipart", "*")) || (messages && part.is("message", "rfc822"));
    using enum mail::TransferEncoding;
    if (!wanted || (part.encoding != base64 && part.encoding != quoted_printable) || is_sealed(mime, part))
      continue;
    auto decoded = mail::decode_body(mime.body_of(part), part.encoding);
    if (!decoded.well_formed) continue;
    edits.replace(part.header_begin, part.body_begin,
                  with_fields(mime.header_of(part), {{"Content-Transfer-Encoding", "8bit"}}));
    edits.replace(part.body_begin, part.end, decoded.bytes);
  }
  return edits.take();
}

Result<std::string> change_inner_headers(std::string_view message, const BodyForm& form,
                                         const RewriteHeader& rewrite) {
  const auto mime = mail::parse_mime(message, form.mime);
  Edits edits(message);
  for (const auto& part : mime.parts) {
    if (part.parent < 0) continue;
    const auto& around = mime.parts[static_cast<std::size_t>(part.parent)];
    if (around.kind != mail::MimePart::Kind::message || is_sealed(mime, part)) continue;
    std::string header(mime.header_of(part));
    if (form.inner) {
      TRY(header, rewrite(header));
    }
    if (form.inner_trim) header = trim_header(header, *form.inner_trim);
    if (header != mime.header_of(part)) edits.replace(part.header_begin, part.body_begin, header);
  }
  return edits.take();
}

}  // namespace waxwing::mta::form
