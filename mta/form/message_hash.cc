#include "mta/form/message_hash.h"

#include <openssl/evp.h>

#include <memory>

#include "common/base/strings.h"
#include "common/mail/header.h"
#include "mta/form/whole_header.h"

namespace waxwing::mta::form {

std::string message_hash(std::string_view header, std::string_view body) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr);
  const auto add = [&](std::string_view bytes) {
    EVP_DigestUpdate(context.get(), bytes.data(), bytes.size());
  };
  const auto block = scan_whole(header);
  for (const char* name : {"From", "Date", "Subject", "Message-ID"}) {
    if (const auto value = block.value(name)) add(mail::unfold(*value));
    add("\n");
  }
  add(body);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_DigestFinal_ex(context.get(), digest, &size);
  return "sha256:" + to_hex({reinterpret_cast<const char*>(digest), size});
}

}  // namespace waxwing::mta::form
