#include "mta/form/conversion_part.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/strings.h"
#include "common/mail/header.h"
#include "mta/form/parameter.h"

namespace waxwing::mta::form {

namespace {

using mail::Mime;
using mail::MimePart;

ConversionPart facts_of(const MimePart& part, std::size_t index, std::string number) {
  ConversionPart facts;
  facts.index = index;
  facts.number = std::move(number);
  facts.type = to_lower(part.type);
  facts.subtype = to_lower(part.subtype);
  facts.description = mail::decoded_text(part.content_description);
  facts.content_type = mail::parse_parameters(part.content_type);
  facts.content_disposition = mail::parse_parameters(part.content_disposition);
  facts.disposition = to_lower(facts.content_disposition.value);
  return facts;
}

std::string joined(const std::string& above, unsigned n) {
  return above.empty() ? std::to_string(n) : above + "." + std::to_string(n);
}

// Parts come in preorder, so what stands above a part has its number already.
std::vector<std::string> numbers_of(const Mime& mime) {
  std::vector<std::string> numbers(mime.parts.size());
  std::vector<unsigned> children(mime.parts.size(), 0);
  for (std::size_t i = 0; i < mime.parts.size(); ++i) {
    const auto& part = mime.parts[i];
    if (part.parent < 0) continue;
    const auto above = static_cast<std::size_t>(part.parent);
    // The multipart that is all of an inner message has the message's number.
    const bool is_body = mime.parts[above].kind == MimePart::Kind::message;
    numbers[i] = is_body && part.kind == MimePart::Kind::multipart
                     ? numbers[above]
                     : joined(numbers[above], ++children[above]);
  }
  return numbers;
}

bool parameters_fit(const ConversionEntry& entry, const std::string& family,
                    const mail::ParameterizedValue& value) {
  return std::ranges::all_of(entry.numbers(family + "-name"), [&](unsigned n) {
    const auto number = "-" + std::to_string(n);
    const bool found = std::ranges::any_of(value.parameters, [&](const auto& parameter) {
      return entry.fits(family + "-name" + number, parameter.name) &&
             entry.fits(family + "-value" + number, parameter.utf8());
    });
    const auto fallback = family + "-default" + number;
    return found || (entry.has(fallback) && entry.fits(family + "-value" + number, entry.text(fallback)));
  });
}

bool fits(const ConversionEntry& entry, const MessageFacts& facts, const ConversionPart& part) {
  const bool tagged = !entry.has("tag") || std::ranges::any_of(facts.tags, [&](const auto& tag) {
    return entry.fits("tag", tag);
  });
  return tagged && entry.fits("in-channel", facts.in_channel) &&
         entry.fits("out-channel", facts.out_channel) && entry.fits("in-subject", facts.subject) &&
         entry.fits("in-type", part.type) && entry.fits("in-subtype", part.subtype) &&
         entry.fits("in-description", part.description) && entry.fits("in-disposition", part.disposition) &&
         entry.fits("part-number", part.number) &&
         entry.fits("attachment-number", std::to_string(part.attachment)) &&
         parameters_fit(entry, "in-parameter", part.content_type) &&
         parameters_fit(entry, "in-dparameter", part.content_disposition);
}

}  // namespace

std::vector<ConversionPart> parts_of(const Mime& mime) {
  const auto numbers = numbers_of(mime);
  std::vector<ConversionPart> parts;
  for (std::size_t i = 0; i < mime.parts.size(); ++i) {
    if (mime.parts[i].kind != MimePart::Kind::leaf) continue;
    parts.push_back(facts_of(mime.parts[i], i, numbers[i].empty() ? "1" : numbers[i]));
    parts.back().attachment = static_cast<unsigned>(parts.size());
  }
  return parts;
}

const ConversionEntry* entry_for(const Conversions& conversions, const MessageFacts& facts,
                                 const ConversionPart& part) {
  for (const auto& entry : conversions.entries())
    if ((entry.has("command") || entry.flag("delete")) && !entry.flag("relabel") && fits(entry, facts, part))
      return &entry;
  return nullptr;
}

const ConversionEntry* service_for(const Conversions& conversions, const MessageFacts& facts,
                                   const ConversionPart& root) {
  for (const auto& entry : conversions.entries())
    if (entry.has("service-command") && !entry.flag("relabel") && fits(entry, facts, root)) return &entry;
  return nullptr;
}

const ConversionEntry* relabel_for(const Conversions& conversions, const MessageFacts& facts,
                                   const ConversionPart& part) {
  for (const auto& entry : conversions.entries())
    if (entry.flag("relabel") && fits(entry, facts, part)) return &entry;
  return nullptr;
}

std::string picked_parameter(const ConversionEntry& entry, const std::string& family, unsigned n,
                             const mail::ParameterizedValue& value, std::string_view fallback) {
  const auto number = "-" + std::to_string(n);
  const auto name = family + "-name" + number;
  for (const auto& parameter : value.parameters) {
    const bool it = entry.has(name) ? entry.fits(name, parameter.name) : iequals(parameter.name, fallback);
    if (it) return parameter.utf8();
  }
  return std::string(entry.text(family + "-default" + number));
}

std::string label_parameters(const ConversionEntry& entry, const std::string& kind,
                             const mail::ParameterizedValue& old, bool keep) {
  std::vector<std::pair<std::string, std::string>> list;
  for (const auto& parameter : old.parameters) {
    bool copied = keep;
    for (const auto n : entry.numbers(kind + "-copy"))
      copied = copied || entry.fits(fmt::format("{}-copy-{}", kind, n), parameter.name);
    if (copied) list.emplace_back(parameter.name, parameter.utf8());
  }
  for (const auto n : entry.numbers("out-" + kind + "-name")) {
    const std::string name(entry.text(fmt::format("out-{}-name-{}", kind, n)));
    std::erase_if(list, [&](const auto& each) { return iequals(each.first, name); });
    list.emplace_back(name, entry.text(fmt::format("out-{}-value-{}", kind, n)));
  }
  std::string out;
  for (const auto& [name, value] : list) out += format_parameter(name, value);
  return out;
}

}  // namespace waxwing::mta::form
