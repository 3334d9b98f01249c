// relabel=1 of config/conversions: parts that say better what they are.
#include "common/base/strings.h"
#include "common/mail/encoded_word.h"
#include "common/mail/header.h"
#include "mta/form/edits.h"
#include "mta/form/reformat.h"

namespace waxwing::mta::form {

namespace {

std::string chosen(std::string_view by_entry, std::string_view otherwise) {
  return std::string(by_entry.empty() ? otherwise : by_entry);
}

std::vector<NewField> labels(const ConversionEntry& entry, const ConversionPart& part) {
  const auto type = to_lower(chosen(entry.text("out-type"), part.type));
  const auto subtype = to_lower(chosen(entry.text("out-subtype"), part.subtype));
  const bool same = type == part.type && subtype == part.subtype;
  const auto disposition = chosen(entry.text("out-disposition"), part.disposition);
  std::vector<NewField> fields = {
      {"Content-Type", type + "/" + subtype + label_parameters(entry, "parameter", part.content_type, same)}};
  if (!disposition.empty())
    fields.push_back(
        {"Content-Disposition", disposition + label_parameters(entry, "dparameter", part.content_disposition,
                                                               iequals(disposition, part.disposition))});
  if (const auto description = entry.text("out-description"); !description.empty())
    fields.push_back({"Content-Description", mail::encode_words(description)});
  return fields;
}

}  // namespace

std::string relabel(std::string_view message, const ReformatTools& tools) {
  const auto mime = mail::parse_mime(message);
  auto facts = tools.facts;
  facts.subject = mail::decoded_text(mime.header.value("Subject").value_or(""));
  Edits edits(message);
  for (const auto& part : parts_of(mime)) {
    const auto& place = mime.parts[part.index];
    if (is_sealed(mime, place)) continue;
    const auto* entry = relabel_for(*tools.conversions, facts, part);
    if (entry == nullptr) continue;
    auto fields = labels(*entry, part);
    if (place.parent < 0) fields.push_back({"MIME-Version", "1.0"});
    edits.replace(place.header_begin, place.body_begin, with_fields(mime.header_of(place), fields));
  }
  return edits.take();
}

}  // namespace waxwing::mta::form
