// imsimta test: which test is asked for.
#include "tools/imsimta/test.h"

#include <cerrno>
#include <cstdio>

#include "common/base/strings.h"
#include "mta/config/build_file.h"
#include "tools/imsimta/command.h"

namespace waxwing::imsimta {

Result<int> run_test(const Context& context, Arguments arguments) {
  std::string output;
  if (arguments.take("output", &output) && std::freopen(output.c_str(), "we", stdout) == nullptr)
    return std::unexpected(system_error("cannot write " + printable(output), errno));
  if (arguments.take("rewrite")) return test_rewrite(context, std::move(arguments));
  if (arguments.take("mapping")) return test_mapping(context, std::move(arguments));
  if (arguments.take("match")) return test_match(std::move(arguments));
  if (arguments.take("url")) return test_url(context, std::move(arguments));
  if (arguments.take("domain_map") || arguments.take("domain"))
    return test_domain_map(context, std::move(arguments));
  return permanent(
      "say what to test: -rewrite, -mapping, -match, -url or -domain_map; imsimta test -help tells more");
}

namespace {
// -image_file: another build than the published one, an older one say.
Result<mta::SourceSet> sources_of_build(const std::string& path) {
  TRY(const auto bytes, read_file(path));
  auto build = mta::decode_build(bytes);
  if (!build) return wrap(build.error(), path);
  return std::move(build->sources);
}
}  // namespace

Result<mta::SourceSet> sources_for_test(const Context& context, Arguments& arguments, bool& published) {
  const bool edited = arguments.take("edited");
  std::string image;
  published = !arguments.take("noimage_file") && !edited;
  const bool has_image = arguments.take("image_file", &image);
  struct Replaced {
    const char* qualifier;
    const char* file;
  };
  constexpr Replaced kReplaced[] = {{"mapping_file", "mappings"},
                                    {"file", "mappings"},
                                    {"alias_file", "aliases"},
                                    {"configuration_file", "imta.cnf"},
                                    {"option_file", "option.dat"}};
  if (has_image && !published) return permanent("-image_file and -edited exclude each other");
  published = published && !has_image;
  TRY(auto sources, has_image ? sources_of_build(image) : mta::read_sources(context.root));
  for (const auto& [qualifier, file] : kReplaced) {
    std::string path;
    if (!arguments.take(qualifier, &path)) continue;
    published = false;
    TRY(auto text, read_file(path));
    sources.set_file(file, std::move(text));
  }
  return sources;
}

Result<std::shared_ptr<const mta::MtaConfig>> config_for_test(const Context& context, Arguments& arguments) {
  bool published = true;
  TRY(auto sources, sources_for_test(context, arguments, published));
  if (published && file_exists(context.root + "/config/built/mta.built"))
    return mta::MtaConfig::load(context.root);
  return mta::MtaConfig::parse(std::move(sources), context.root);
}

}  // namespace waxwing::imsimta
