#include "fleet/tuf/signing_key.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "fleet/json/nlohmann.h"
#include "fleet/tuf/key.h"
#include "fleet/tuf/openssl_signatures_testing.h"

namespace whet::fleet {
namespace {

constexpr KeyFileCost kCheap{1, 8192};

SigningKey NewKey() {
  auto key = SigningKey::Generate();
  EXPECT_TRUE(key.ok());
  return std::move(*key);
}

TEST(SigningKey, SignsWhatItsPublicKeyVerifies) {
  const SigningKey key = NewKey();
  auto parsed = ParsePublicKey(key.id(), Ed25519KeyJson(key.public_hex()));
  ASSERT_TRUE(parsed.ok());
  ASSERT_EQ(parsed->scheme, KeyScheme::kEd25519);
  std::vector<uint8_t> signature = key.Sign("message");
  EXPECT_TRUE(VerifySignature(*parsed, "message", signature));
  EXPECT_FALSE(VerifySignature(*parsed, "massage", signature));
  signature[10] ^= 1;
  EXPECT_FALSE(VerifySignature(*parsed, "message", signature));
  EXPECT_FALSE(VerifySignature(*parsed, "message", std::span(signature).first(63)));
  EXPECT_FALSE(VerifySignature(*parsed, "message", {}));
}

TEST(SigningKey, AKeyUnderAnotherIdVerifiesNothing) {
  const SigningKey key = NewKey();
  auto parsed = ParsePublicKey(std::string(64, '0'), Ed25519KeyJson(key.public_hex()));
  ASSERT_TRUE(parsed.ok());
  EXPECT_FALSE(VerifySignature(*parsed, "message", key.Sign("message")));
}

TEST(SigningKey, FilesOpenWithTheirPassphraseOnly) {
  const SigningKey key = NewKey();
  auto file = key.Serialize("correct horse", kCheap);
  ASSERT_TRUE(file.ok());
  auto again = SigningKey::Parse(*file, "correct horse");
  ASSERT_TRUE(again.ok()) << again.status().ToString();
  EXPECT_EQ(again->id(), key.id());
  EXPECT_EQ(again->Sign("m"), key.Sign("m"));
  EXPECT_FALSE(SigningKey::Parse(*file, "wrong horse").ok());
  EXPECT_FALSE(SigningKey::Parse(*file, "").ok());
  EXPECT_FALSE(key.Serialize("", kCheap).ok());
  auto info = ReadKeyFileInfo(*file);
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->id, key.id());
}

TEST(SigningKey, AChangedFileDoesNotOpen) {
  const SigningKey key = NewKey();
  auto file = key.Serialize("p", kCheap);
  ASSERT_TRUE(file.ok());
  for (const char* name : {"public", "salt", "nonce", "secret", "keyid"}) {
    nlohmann::json document = nlohmann::json::parse(*file);
    std::string text = document[name];
    text[5] = text[5] == '0' ? '1' : '0';
    document[name] = text;
    EXPECT_FALSE(SigningKey::Parse(document.dump(), "p").ok()) << name;
  }
}

TEST(SigningKey, AFileCannotAskForBoundlessWork) {
  const SigningKey key = NewKey();
  auto file = key.Serialize("p", kCheap);
  ASSERT_TRUE(file.ok());
  nlohmann::json document = nlohmann::json::parse(*file);
  document["memory_bytes"] = uint64_t{1} << 50;
  EXPECT_EQ(SigningKey::Parse(document.dump(), "p").status().code(), Code::kLimitExceeded);
  document["memory_bytes"] = 8192;
  document["operations"] = 1000000000;
  EXPECT_EQ(SigningKey::Parse(document.dump(), "p").status().code(), Code::kLimitExceeded);
}

TEST(SigningKey, FilesAreTheOwnersAndAreNotOverwritten) {
  const std::string folder = testing::TempDir() + "keys" + std::to_string(::getpid());
  std::filesystem::create_directories(folder);
  const std::string path = folder + "/a.key";
  const SigningKey key = NewKey();
  ASSERT_TRUE(WriteKeyFile(path, key, "p", kCheap).ok());
  struct stat info{};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_FALSE(WriteKeyFile(path, NewKey(), "p", kCheap).ok());
  auto store = KeyStore::OpenFolder(folder, "p");
  ASSERT_TRUE(store.ok()) << store.status().ToString();
  ASSERT_NE(store->Find(key.id()), nullptr);
  EXPECT_EQ(store->Find("other"), nullptr);
  EXPECT_FALSE(KeyStore::OpenFolder(folder, "q").ok());
  std::filesystem::remove_all(folder);
  EXPECT_FALSE(KeyStore::OpenFolder(folder, "p").ok());
}

TEST(PublicKey, VerifiesKeysAndSignaturesOfOpenssl) {
  const auto key_of = [](const char* keytype, const char* scheme, const char* pem) {
    const nlohmann::json json = {{"keytype", keytype}, {"scheme", scheme}, {"keyval", {{"public", pem}}}};
    auto parsed = ParsePublicKey(*KeyIdOf(json), json);
    EXPECT_TRUE(parsed.ok());
    return *parsed;
  };
  const PublicKey rsa = key_of("rsa", "rsassa-pss-sha256", kRsaPem);
  EXPECT_TRUE(VerifySignature(rsa, "message", kRsaSignature));
  EXPECT_FALSE(VerifySignature(rsa, "massage", kRsaSignature));
  EXPECT_FALSE(VerifySignature(rsa, "message", kEcdsaSignature));
  const PublicKey ecdsa = key_of("ecdsa", "ecdsa-sha2-nistp256", kEcdsaPem);
  EXPECT_TRUE(VerifySignature(ecdsa, "message", kEcdsaSignature));
  EXPECT_FALSE(VerifySignature(ecdsa, "massage", kEcdsaSignature));
  // A right signature by a key that is too weak, or is not of the kind that it says.
  EXPECT_FALSE(
      VerifySignature(key_of("rsa", "rsassa-pss-sha256", kWeakRsaPem), "message", kWeakRsaSignature));
  EXPECT_FALSE(VerifySignature(key_of("ecdsa", "ecdsa-sha2-nistp256", kRsaPem), "message", kRsaSignature));
  EXPECT_FALSE(VerifySignature(key_of("ecdsa", "ecdsa-sha2-nistp256", kP384Pem), "message", kP384Signature));
  EXPECT_FALSE(VerifySignature(key_of("rsa", "rsassa-pss-sha256", "not PEM"), "message", kRsaSignature));
  // The same key written otherwise is the same key.
  const std::string with_text = "a comment\n" + std::string(kEcdsaPem);
  EXPECT_TRUE(IsSameKey(ecdsa, key_of("ecdsa", "ecdsa-sha2-nistp256", with_text.c_str())));
  EXPECT_FALSE(IsSameKey(ecdsa, rsa));
  EXPECT_EQ(key_of("rsa", "rsa-pkcs1v15-sha256", kRsaPem).scheme, KeyScheme::kUnknown);
}

}  // namespace
}  // namespace whet::fleet
