// What the keywords of two channels make of the header of a message.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mta/config/header_options.h"
#include "mta/form/address_text.h"
#include "mta/form/fold.h"

namespace waxwing::mta::form {

struct HeaderForm {
  std::shared_ptr<const HeaderOptions> read;  // headerread, of the channel it comes from
  std::shared_ptr<const HeaderOptions> trim;  // headertrim, of the channel it goes to
  AddressTexts from, to;                      // source... keywords of the one, those of the other
  bool from_total = false, to_total = false;  // commenttotal
  bool drop_blank = false, day_of_week = false, envelope_to = false;
  enum class Hash { as_it_is, generate, remove } hash = Hash::as_it_is;
  std::string language;  // of encoded words that name none
  std::size_t max_addresses = 0, max_chars = 0, added_addresses = 0;
  FoldRules fold;

  bool plain() const;
  bool needs_body() const { return hash == Hash::generate; }
};

struct HeaderFacts {
  std::string_view body;                // for the message hash
  std::vector<std::string> recipients;  // of the queue file, for X-Envelope-to:
  TextMaps maps;
};

// header: the block with its empty line. Errors of the mappings go through.
Result<std::string> shape_header(std::string_view header, const HeaderForm& form, const HeaderFacts& facts);
// Only what option files say: headers of inner messages (innertrim).
std::string trim_header(std::string_view header, const HeaderOptions& options);

}  // namespace waxwing::mta::form
